/** A registry of the bench's own, Debian's docker-registry, on this machine only. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Place } from './place.ts';

const READY_TRIES = 100;
const TRY_MS = 100;

export interface BenchRegistry {
  /** "127.0.0.1:PORT". */
  readonly host: string;
  stop(): Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function answers(host: string): Promise<boolean> {
  try {
    return (await fetch(`http://${host}/v2/`)).ok;
  } catch {
    return false; // Not yet.
  }
}

export async function startRegistry(place: Place): Promise<BenchRegistry> {
  const directory = `${place.directory}/registry`;
  mkdirSync(directory);
  const host = `127.0.0.1:${await freePort()}`;
  const config = {
    version: 0.1,
    log: { accesslog: { disabled: true }, level: 'error' },
    storage: { filesystem: { rootdirectory: `${directory}/data` } },
    http: { addr: host },
  };
  // JSON is YAML.
  writeFileSync(`${directory}/config.yml`, JSON.stringify(config));
  const child: ChildProcess = spawn('docker-registry', ['serve', `${directory}/config.yml`], {
    stdio: 'ignore',
    env: place.env,
    detached: true,
  });
  const ended = new Promise((resolve) => {
    child.once('exit', resolve);
    child.once('error', resolve);
  });
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  for (let tries = 0; tries < READY_TRIES; tries++) {
    if (await answers(host)) return { host, stop };
    await sleep(TRY_MS);
  }
  await stop();
  throw new Error('docker-registry does not answer');
}

/** Where the only layer of an image can be fetched from. */
export async function layerUrl(host: string, repository: string, tag: string): Promise<string> {
  const accept = 'application/vnd.oci.image.manifest.v1+json';
  const answer = await fetch(`http://${host}/v2/${repository}/manifests/${tag}`, { headers: { accept } });
  const { layers } = (await answer.json()) as { layers: Array<{ digest: string }> };
  const [layer] = layers;
  if (layer === undefined) throw new Error(`${repository}:${tag} has no layer`);
  return `http://${host}/v2/${repository}/blobs/${layer.digest}`;
}
