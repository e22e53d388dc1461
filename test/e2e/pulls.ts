/** What the tests of pull share: a host with settings of its own, and what its store holds. */
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { Host, type Options, type Result } from './harness.ts';

/** A host whose engine reads this configuration and no credentials but its own. */
export class PullHost extends Host {
  config: Record<string, unknown> = { retryBaseMs: 5, timeoutS: 10 };
  auths: Record<string, { auth: string }> = {};

  /** The settings written down, and the environment that names them. */
  settings(): Record<string, string> {
    const [config, auth] = [`${this.root}/test-config.json`, `${this.root}/test-auth.json`];
    const texts = { [config]: this.config, [auth]: { auths: this.auths } };
    for (const [path, value] of Object.entries(texts)) {
      // Another command may be reading it.
      writeFileSync(`${path}.new`, JSON.stringify(value));
      renameSync(`${path}.new`, path);
    }
    return { MYDOCKER_CONFIG: config, MYDOCKER_AUTH_FILE: auth, DOCKER_CONFIG: '/nonexistent' };
  }

  override run(args: readonly string[], options: Options = {}): Promise<Result> {
    return super.run(args, { ...options, env: { ...this.settings(), ...options.env } });
  }

  /** Everything of the store that must be as before when a command failed: names of blobs, layers, downloads; the list. */
  store(): object {
    const names = (path: string): string[] => {
      try {
        return readdirSync(`${this.root}/${path}`).sort();
      } catch {
        return [];
      }
    };
    let index = '';
    try {
      index = readFileSync(`${this.root}/images/index.json`, 'utf8');
    } catch {
      // Nothing was stored yet.
    }
    return {
      blobs: names('images/blobs/sha256'),
      layers: names('layers').filter((name) => /^[0-9a-f]{64}$/.test(name)),
      downloads: names('downloads'),
      manifests: index === '' ? [] : (JSON.parse(index) as { manifests: object[] }).manifests,
    };
  }
}

/** The last line of a text. */
export function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1) ?? '';
}

/** A /bin/sh of the host's own busybox, so that an image of it runs. */
export function busyboxFiles(): Record<string, Buffer> {
  const program = readFileSync('/bin/busybox');
  return { 'bin/sh': program, 'bin/cat': program, 'bin/busybox': program };
}
