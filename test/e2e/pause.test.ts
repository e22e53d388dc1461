/** `pause` and `unpause`: all processes stand still, whoever comes and goes, and what a paused container refuses. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Host, until } from './harness.ts';
import { runState } from './state.ts';

const host = new Host();
/** Counts in a file as fast as it can be seen. */
const COUNT = 'i=0; while :; do i=$((i+1)); echo $i >/count; sleep 0.01; done';
const started = (name: string, script: string, ...flags: string[]) =>
  host.ok('run', '-d', '--name', name, ...flags, 'busybox', 'sh', '-c', script);
const statusOf = (name: string) => host.ok('inspect', '-f', '{{.State.Status}}', name);
/** What the container wrote, read without entering it. */
const written = (id: string, name: string) => `${host.root}/containers/${id}/upper/${name}`;
const count = (id: string) => readFileSync(written(id, 'count'), 'utf8');
const begins = (id: string) => until('it counts', () => existsSync(written(id, 'count')) && count(id) !== '');
async function counts(id: string, name: string): Promise<void> {
  const before = count(id);
  await until(`${name} goes on`, () => count(id) !== before && count(id) !== '');
}
async function standsStill(id: string): Promise<void> {
  const before = count(id);
  await host.ok('ps', '-q');
  await host.ok('ps', '-q');
  assert.equal(count(id), before);
}

test('a paused container stands still, is shown so, and goes on when unpaused', async () => {
  const id = await started('still', COUNT);
  await begins(id);
  assert.equal(await host.ok('pause', 'still'), 'still');
  await standsStill(id);
  assert.match(await host.ok('ps'), /still .* paused /);
  assert.equal(await host.ok('ps', '-q', '--no-trunc', '--filter', 'status=paused'), id);
  assert.equal(await host.ok('ps', '-q', '--filter', 'status=running'), '');
  const shown = '{{.State.Status}} {{.State.Running}} {{.State.Paused}}';
  assert.equal(await host.ok('inspect', '-f', shown, 'still'), 'paused true true');
  assert.equal(await host.ok('container', 'unpause', 'still'), 'still');
  assert.equal(await host.ok('inspect', '-f', shown, 'still'), 'running true false');
  await counts(id, 'still');
  await host.ok('rm', '-f', 'still');
});

test('the time it began stays; a commit of a paused container leaves it paused', async () => {
  const id = await started('kept', COUNT);
  await begins(id);
  const began = await host.ok('inspect', '-f', '{{.State.StartedAt}}', 'kept');
  await host.ok('pause', 'kept');
  assert.equal(await host.ok('inspect', '-f', '{{.State.StartedAt}}', 'kept'), began);
  await host.ok('commit', 'kept', 'taken');
  assert.equal(await statusOf('kept'), 'paused');
  await standsStill(id);
  await host.ok('unpause', 'kept');
  await counts(id, 'kept');
  await host.ok('rm', '-f', 'kept');
});

test('a pause that begins or ends during a commit neither spoils it nor is lost', async () => {
  const id = await started('both', `dd if=/dev/urandom of=/big bs=1M count=40 2>/dev/null; ${COUNT}`);
  await begins(id);
  const committed = host.ok('commit', 'both', 'big');
  await host.ok('pause', 'both');
  await committed;
  await standsStill(id);
  const again = host.ok('commit', 'both', 'big');
  await host.ok('unpause', 'both');
  await again;
  await counts(id, 'both');
  assert.equal(await statusOf('both'), 'running');
  await host.ok('rm', '-f', 'both');
});

test('exec, attach, start and rm refuse a paused container in one line; nothing changes', async () => {
  await started('no', COUNT);
  await host.ok('pause', 'no');
  for (const words of [
    ['exec', 'no', 'true'],
    ['attach', 'no'],
    ['start', 'no'],
    ['pause', 'no'],
  ])
    assert.match(await host.fails(1, ...words), /paused.*mydocker unpause no/, words.join(' '));
  assert.match(await host.fails(1, 'rm', 'no'), /running/);
  assert.equal(await statusOf('no'), 'paused');
  await host.ok('unpause', 'no');
  assert.match(await host.fails(1, 'unpause', 'no'), /cannot unpause no: it is not paused/);
  await host.ok('rm', '-f', 'no');
});

test('stop of a paused container lets its program end; kill and rm -f end it at once', async () => {
  await started('stops', 'trap "exit 3" TERM; echo ready; while :; do sleep 0.05; done');
  await until('its trap is set', async () => (await host.ok('logs', 'stops')) === 'ready');
  await host.ok('pause', 'stops');
  await host.ok('stop', 'stops');
  assert.equal(await host.ok('inspect', '-f', '{{.State.ExitCode}}', 'stops'), '3');
  await host.ok('start', 'stops');
  await host.ok('pause', 'stops');
  await host.ok('kill', 'stops');
  assert.equal(await host.ok('inspect', '-f', '{{.State.ExitCode}}', 'stops'), '137');
  await host.ok('start', 'stops');
  await host.ok('pause', 'stops');
  await host.ok('rm', '-f', 'stops');
  assert.equal(await host.ok('ps', '-q'), '');
});

test('a signal that does not end it waits until it goes on', async () => {
  const id = await started('later', `trap "echo got >/got" HUP; ${COUNT}`);
  await begins(id);
  await host.ok('pause', 'later');
  await host.ok('kill', '-s', 'HUP', 'later');
  assert.equal(await statusOf('later'), 'paused');
  await host.ok('unpause', 'later');
  await until('the signal arrives', () => existsSync(written(id, 'got')));
  await host.ok('rm', '-f', 'later');
});

test('pause and unpause of what is not there or does not run; several at once', async () => {
  assert.match(await host.fails(1, 'pause', 'nosuch'), /no such container: nosuch/);
  assert.match(await host.fails(1, 'unpause', 'nosuch'), /no such container: nosuch/);
  await host.ok('create', '--name', 'cold', 'busybox', 'true');
  for (const word of ['pause', 'unpause'])
    assert.match(
      await host.fails(1, word, 'cold'),
      new RegExp(`cannot ${word} cold: the container is not running`),
    );
  assert.match(await host.fails(125, 'pause'), /needs at least 1 argument/);
  await started('w1', COUNT);
  await started('w2', COUNT);
  const result = await host.run(['pause', 'w1', 'nosuch', 'w2']);
  assert.equal(result.code, 1);
  assert.deepEqual(new Set(result.stdout.trim().split('\n')), new Set(['w1', 'w2']));
  await host.ok('rm', '-f', 'w1', 'w2', 'cold');
});

test('a paused container whose monitor is killed is dead, not paused', async () => {
  const id = await started('lost', COUNT);
  await host.ok('pause', 'lost');
  process.kill(runState(host.root, id).monitorPid, 'SIGKILL');
  await until('it is shown as stopped', async () => (await statusOf('lost')) === 'exited');
  await host.ok('rm', 'lost');
});
