import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { MydockerError } from '../base/index.ts';
import { claimVolume, dataDir, releaseVolume, removeVolume } from './volumes.ts';

const ROUND_MS = 1500;
const [, file, role, root = ''] = process.argv;

/** Takes the volume away, as often as nobody has it. */
function remove(): void {
  try {
    const doomed = removeVolume({ root, run: root }, 'crowd');
    if (doomed !== undefined) rmSync(doomed, { recursive: true });
  } catch (error) {
    if (!(error instanceof MydockerError && error.code === 'VOLUME_IN_USE')) throw error;
  }
}

/** Has it for a moment, in which it must be there. */
function use(id: string): void {
  claimVolume({ root, run: root }, id, { name: 'crowd', labels: {}, anonymous: true });
  for (let i = 0; i < 5; i++)
    assert.ok(existsSync(dataDir({ root, run: root }, 'crowd')), 'it has a user, and was taken away');
  releaseVolume({ root, run: root }, 'crowd', id);
}

if (file === fileURLToPath(import.meta.url) && role !== undefined) {
  const end = Date.now() + ROUND_MS;
  const id = role.repeat(64);
  mkdirSync(`${root}/containers/${id}`);
  while (Date.now() < end) role === 'r' ? remove() : use(id);
} else {
  test('a volume that somebody has is never taken away, however many remove and claim it at once', async () => {
    const directory = mkdtempSync(`${tmpdir()}/mydocker-volumes-`);
    mkdirSync(`${directory}/containers`);
    const codes = ['r', 'a', 'b', 'c'].map(
      (one) =>
        new Promise((resolve) =>
          fork(fileURLToPath(import.meta.url), [one, directory], { execArgv: [] }).once('exit', resolve),
        ),
    );
    assert.deepEqual(await Promise.all(codes), [0, 0, 0, 0]);
    assert.deepEqual(
      readdirSync(`${directory}/volumes`).filter((name) => name !== 'crowd'),
      [],
    );
    rmSync(directory, { recursive: true });
  });
}
