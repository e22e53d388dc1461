/** containerd with our runtime (Debian's containerd): its shim for runc, driven by ctr, with another program. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { before, test } from 'node:test';
import { Host, until } from './harness.ts';
import { inLanes, RuntimeUser } from './runtime-user.ts';

const host = new Host();
const user = new RuntimeUser();
const { dir } = user;
const IMAGE = 'docker.io/library/busybox:latest';

const CONFIG = `version = 2
root = "${dir}/root"
state = "${dir}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
address = "${dir}/sock"
`;

const words = (...args: readonly string[]): string[] => ['ctr', '-a', `${dir}/sock`, ...args];
const ctr = (...args: readonly string[]): Promise<string> => user.ok(words(...args));
const flags = (id: string): string[] => [
  ...['--runc-binary', user.runtime, '--cgroup', `/${user.cgroup}/${id}`],
  ...['--mount', `type=bind,src=${user.heard},dst=/heard,options=rbind:ro`],
];
const run = (id: string, ...args: readonly string[]) =>
  user.run(words('run', '--rm', ...flags(id), IMAGE, id, ...args));
/**
 * The same of a shell's script that prints: ctr gives up on a stream that is not open yet when the program has ended
 * (io.Cancel in its task.Delete).
 */
const hear = (id: string, script: string) => user.hear(words('run', '--rm', ...flags(id), IMAGE, id), script);
const hearExec = (execId: string, options: readonly string[], script: string) =>
  user.hear(words('tasks', 'exec', '--exec-id', execId, ...options, 'bird'), script);

before(async () => {
  mkdirSync(`${dir}/root`);
  writeFileSync(`${dir}/config.toml`, CONFIG);
  await host.ok('tag', 'busybox', IMAGE);
  await host.ok('save', '-o', `${dir}/image.tar`, IMAGE);
  await user.open();
  await user.start(['containerd', '-c', `${dir}/config.toml`, '-l', 'error'], words('version'));
  await ctr('images', 'import', `${dir}/image.tar`);
  await user.remember();
});

test('ctr run: output, exit code, a program that is not there', async () => {
  const hello = await hear('hello', 'exec echo hello');
  assert.deepEqual([hello.code, hello.stdout], [0, 'hello\n'], hello.stderr);
  assert.equal((await run('nine', 'sh', '-c', 'exit 9')).code, 9);
  const missing = await run('missing', 'nosuch');
  assert.match(missing.stderr, /exec: "nosuch": executable file not found in \$PATH/);
  await user.run(words('containers', 'rm', 'missing'));
  await user.checkNothingLeft();
});

test('ctr run -d, exec, pause, resume, kill, rm', async () => {
  const status = async () =>
    /^bird\s+\d+\s+(\w+)/m.exec(await ctr('tasks', 'ls'))?.[1] ?? 'there is no such task';
  await ctr('run', '-d', ...flags('bird'), IMAGE, 'bird', 'sleep', '1000');
  assert.equal(await status(), 'RUNNING');
  const one = await hearExec('one', [], 'exec ps');
  assert.equal(one.code, 0, one.stderr);
  assert.match(one.stdout, /^ +1 root +sleep 1000/m);
  const five = await hearExec('two', ['--user', '7'], 'id -u; exit 5');
  assert.deepEqual([five.code, five.stdout], [5, '7\n'], five.stderr);
  await ctr('tasks', 'pause', 'bird');
  assert.equal(await status(), 'PAUSED');
  await ctr('tasks', 'resume', 'bird');
  assert.equal(await status(), 'RUNNING');
  assert.match(await ctr('tasks', 'ps', 'bird'), /^\d+/m);
  assert.match(await ctr('tasks', 'metrics', 'bird'), /memory\.usage/);
  await ctr('tasks', 'kill', '--signal', 'KILL', 'bird');
  await until('it has stopped', async () => (await status()) === 'STOPPED');
  await user.run(words('tasks', 'rm', 'bird'));
  await ctr('containers', 'rm', 'bird');
  await user.checkNothingLeft();
});

test('ctr run, a hundred: each says its number, and nothing is left', async () => {
  await inLanes(100, 4, async (number) => {
    const result = await hear(`run-${number}`, `echo ${number}`);
    assert.deepEqual([result.code, result.stdout], [0, `${number}\n`], result.stderr);
  });
  await user.checkNothingLeft();
});
