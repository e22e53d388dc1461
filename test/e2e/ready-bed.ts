/** A root of its own with an engine in this process, and what that has ready for its next run. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { after, afterEach } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Engine, setAssets } from '../../src/engine/index.ts';
import { EXECUTABLE, leftovers, processes, settle, until } from './harness.ts';

export const root = mkdtempSync('/var/tmp/mydocker-e2e-');
const assets = `${dirname(EXECUTABLE)}/assets`;
/** The shim under test: also the one that checks its own memory. */
export const SHIM = { shim: `${assets}/shim`, 'shim.id': `${assets}/shim.id` };
setAssets(SHIM);
export const engine = new Engine({ root, defaultNetwork: 'none' });

/** Shims that wait. */
export const waiting = (): number[] =>
  processes(`${root}/bin/shim-`).filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0')[1] === 'waiting';
    } catch {
      return false;
    }
  });

/** Directories that are not in their places. */
export const staged = (): string[] => {
  settle(root);
  return ['containers', 'run'].flatMap((name) =>
    readdirSync(`${root}/${name}`).filter((entry) => /^\.(new|tmp)-/.test(entry)),
  );
};

/** One has said that it waits: the next thing it does is to look at its socket. */
export const oneWaits = (): Promise<void> =>
  until('a shim waits', () =>
    waiting().some((pid) => readFileSync(`/proc/${pid}/wchan`, 'utf8').startsWith('unix_stream')),
  );

/** Something is ready, and this process has heard of it. */
export async function warm(): Promise<void> {
  for (let i = 0; i < 2; i++) assert.equal((await engine.run('busybox', ['true'])).exitCode, 0);
  await heard();
}

/** Its word is there to be read in the next turn of the event loop. */
export async function heard(): Promise<void> {
  await oneWaits();
  await sleep(20);
}

/** After each test nothing may be left. */
export function clean(): void {
  after(() => rmSync(root, { recursive: true, force: true }));
  afterEach(async () => {
    await engine.close();
    assert.deepEqual(waiting(), []);
    await until('no shim is left', () => processes(`${root}/bin/shim-`).length === 0);
    assert.deepEqual(leftovers(root), []);
  });
}
