/** Clients of a monitor at their worst: they do not read, are too many, are dead. It must serve and end all the same. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { command, EXECUTABLE, Host, until } from './harness.ts';
import { busyMs, FRAME, monitorOf, RawClient, WANT_NOTHING, WANT_OUTPUT, WANT_STDIN } from './raw-client.ts';
import { runState } from './state.ts';

const host = new Host();
const SIZE = 24 | (80 << 16);

const detached = (...args: string[]) => host.ok('run', '-d', ...args);

async function removeWithin(ms: number, id: string): Promise<void> {
  const start = Date.now();
  await host.ok('rm', '-f', id);
  assert.ok(Date.now() - start < ms, `rm -f took ${Date.now() - start} ms`);
}

/** A busy loop is one in every second; a loaded machine may take more time for what is done in one of them. */
async function costsNothing(id: string): Promise<void> {
  const seconds: number[] = [];
  while (seconds.length < 3 && (seconds.at(-1) ?? 200) >= 200)
    seconds.push(await busyMs(monitorOf(host, id)));
  assert.ok((seconds.at(-1) ?? 0) < 200, `${seconds.join(', ')} ms of a second`);
}

test('answers to a client that does not read wait for a frame’s end and for room', async () => {
  const id = await detached('busybox', 'yes');
  const client = await RawClient.open(host, id, WANT_OUTPUT);
  await sleep(400);
  for (let i = 0; i < 50; i++) client.number(FRAME.resize, SIZE);
  await sleep(300);
  assert.equal(client.closed, false);
  client.read();
  await until('all answers', () => client.count(FRAME.answer) === 50 || client.closed);
  assert.equal(client.count(FRAME.answer), 50);
  await until('output goes on', () => client.outputBytes > 100_000 || client.closed);
  assert.ok(client.outputBytes > 100_000);
  client.close();
  await removeWithin(4000, id);
});

test('the exit frame is not lost when the client’s buffer is full of answers', async () => {
  const id = await detached('busybox', 'sh', '-c', 'trap "exit 6" TERM; while :; do sleep 0.05; done');
  const client = await RawClient.open(host, id, WANT_NOTHING);
  for (let i = 0; i < 20_000; i++) client.number(FRAME.resize, SIZE);
  await sleep(500);
  assert.equal(client.closed, false);
  const { pid } = runState(host.root, id);
  const stopped = host.ok('stop', id);
  // From then on the monitor waits for its clients, a second long.
  await until('process 1 has ended', () => !existsSync(`/proc/${pid}`));
  client.read();
  await stopped;
  await until('closed', () => client.closed);
  assert.equal(client.types.at(-1), FRAME.exit);
  assert.equal(client.exitCode, 6);
  await host.ok('rm', id);
});

test('300 clients that only wait do not keep a stop out', async () => {
  const id = await detached('busybox', 'sleep', '1000');
  const clients: RawClient[] = [];
  for (let i = 0; i < 300; i++) clients.push(await RawClient.open(host, id, WANT_NOTHING));
  await removeWithin(4000, id);
  for (const client of clients) client.close();
});

test('of 260 clients that watch the last are refused, in words; the others stay, and a stop comes in', async () => {
  const id = await detached('busybox', 'sh', '-c', 'trap "exit 6" TERM; while :; do sleep 0.05; done');
  const clients: RawClient[] = [];
  for (let i = 0; i < 260; i++) {
    const client = await RawClient.open(host, id, WANT_OUTPUT);
    client.read();
    clients.push(client);
  }
  for (const verb of ['attach', 'wait'])
    assert.match(await host.fails(1, verb, id), /takes no more connections; end some/);
  await host.ok('stop', id);
  await until('all closed or refused', () => clients.every((c) => c.closed || c.count(FRAME.answer) === 1));
  const ends = clients.map((c) =>
    c.count(FRAME.answer) === 1 ? 'refused' : c.exitCode === 6 ? 'exit' : 'lost',
  );
  assert.deepEqual(new Set(ends.slice(0, 224)), new Set(['exit']), 'who came first sees the end');
  assert.deepEqual(new Set(ends.slice(224)), new Set(['refused']));
  for (const client of clients) client.close();
  await host.ok('rm', id);
});

test('200 clients that watch see the exit, each of them', async () => {
  const id = await detached('--rm', 'busybox', 'sleep', '1000');
  const clients: RawClient[] = [];
  for (let i = 0; i < 200; i++) clients.push(await RawClient.open(host, id, WANT_OUTPUT));
  for (const client of clients) client.read();
  await host.ok('kill', id);
  await until('all closed', () => clients.every(({ closed }) => closed));
  assert.deepEqual(
    clients.filter(({ exitCode }) => exitCode !== 137),
    [],
  );
});

test('a dead client whose input waits costs no processor time', async () => {
  const id = await detached('-i', 'busybox', 'sleep', '1000');
  const client = await RawClient.open(host, id, WANT_STDIN);
  for (let i = 0; i < 40; i++) client.send(FRAME.stdin, Buffer.alloc(4096, 'x'));
  await sleep(200);
  client.close();
  await sleep(100);
  await costsNothing(id);
  await removeWithin(4000, id);
});

test('a monitor without a free descriptor costs no processor time, and takes the next client when one goes', async () => {
  const { stdout } = await command('sh', ['-c', 'ulimit -n 30; "$M" run -d busybox sleep 1000'], {
    env: { MYDOCKER_ROOT: host.root, M: EXECUTABLE },
  });
  const id = stdout.trim();
  const clients: RawClient[] = [];
  // Signal 0: a client that asked for something is not sent away.
  for (let i = 0; i < 70; i++) {
    const client = await RawClient.open(host, id, WANT_NOTHING);
    client.number(FRAME.signal, 0);
    clients.push(client);
  }
  await sleep(200);
  await costsNothing(id);
  for (const client of clients) client.close();
  await removeWithin(4000, id);
});
