/** An image of a real root file system: pushed, pulled on an empty root, exported: the same; in bounded memory. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { BIG_BYTES, BIG_FILES, makeBigTree } from './big-tree.ts';
import { EXECUTABLE } from './harness.ts';
import { PullHost } from './pulls.ts';
import { Registry } from './registry.ts';
import { nameIn, treeOf } from './tree.ts';

const registry = await Registry.start();
const directory = mkdtempSync('/var/tmp/mydocker-big-');
after(async () => {
  await registry.stop();
  rmSync(directory, { recursive: true });
});
const name = `${registry.host}/big:v1`;
const [source, exported] = [`${directory}/source`, `${directory}/exported`];
makeBigTree(source);
const [host, pulled] = [new PullHost(), new PullHost()];

/** A command that must succeed, on a busy machine with a slow disk too. */
async function ok(where: PullHost, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await where.run(args, { timeoutMs: 300_000 });
  assert.equal(code, 0, `mydocker ${args.join(' ')}: exit ${code}: ${stderr}`);
  return stdout.trimEnd();
}

/** Most bytes of memory the program ever had at once, proc_pid_status(5) VmHWM; 0 when it has ended. */
function peakBytes(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return 1024 * Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0);
  } catch {
    return 0;
  }
}

test(`${BIG_FILES} files of ${BIG_BYTES / 1e6} MB in one layer: push and pull, in at most 150 MB of memory`, async () => {
  await ok(host, 'import', source, name);
  await ok(host, 'push', '-q', name);
  const env = { PATH: process.env.PATH, MYDOCKER_ROOT: pulled.root, ...pulled.settings() };
  const child = spawn(EXECUTABLE, ['pull', '-q', name], { stdio: ['ignore', 'ignore', 'inherit'], env });
  let isOver = false;
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  void ended.then(() => {
    isOver = true;
  });
  let peak = 0;
  while (!isOver) {
    peak = Math.max(peak, peakBytes(child.pid ?? 0));
    await sleep(10);
  }
  assert.equal(await ended, 0);
  assert.ok(peak > 10e6 && peak <= 150e6, `${peak} bytes`);
  assert.equal(await ok(pulled, 'run', '--rm', name, '/bin/busybox', 'echo', 'it runs'), 'it runs');
});

test('what was pulled is what was pushed, entry by entry: export equals the source', async () => {
  const id = await ok(pulled, 'create', name, '/bin/busybox');
  await ok(pulled, 'export', '-o', `${directory}/exported.tar`, id);
  await ok(pulled, 'rm', id);
  mkdirSync(exported);
  const tar = ['-C', exported, '--xattrs', '--xattrs-include=*', '-xpf', `${directory}/exported.tar`];
  execFileSync('tar', tar);
  // A new container has directories and files of its own there.
  const own = (path: string): boolean => /^\.$|^\.\/(dev|proc|sys|etc)(\/|$)/.test(path);
  const [ours, theirs] = [exported, source].map((path) =>
    treeOf(path, { nanoseconds: true }).filter((line) => !own(nameIn(line))),
  );
  assert.ok((theirs?.length ?? 0) > BIG_FILES);
  assert.deepEqual(ours, theirs);
});

test('a second image that shares the base: no byte of it is fetched or unpacked again', async () => {
  const second = `${registry.host}/second:v1`;
  await ok(host, 'run', '--name', 'maker', name, '/bin/busybox', 'touch', '/new');
  await ok(host, 'commit', 'maker', second);
  await ok(host, 'push', '-q', second);
  const { layers: before } = pulled.store() as { layers: string[] };
  await ok(pulled, 'pull', '-q', second);
  // Its configuration and its own layer.
  await registry.logged(2, 'GET /v2/second/blobs/');
  const fetched = registry.blobBytes('second');
  assert.ok(fetched < 5000, `${fetched} bytes`);
  assert.equal((pulled.store() as { layers: string[] }).layers.length, before.length + 1);
  assert.equal(await ok(pulled, 'run', '--rm', second, '/bin/busybox', 'ls', '/new'), '/new');
});
