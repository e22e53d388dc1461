/** create, start, restart, kill, wait, rename, rm, and how containers are found. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Host, leftovers, until } from './harness.ts';
import { Live } from './live.ts';

const host = new Host();
const field = (name: string, path: string) => host.ok('inspect', '-f', `{{.${path}}}`, name);

test('create makes a container that does not run; start runs it; it starts again with its writes', async () => {
  const id = await host.ok(
    'create',
    '--name',
    'job',
    'busybox',
    'sh',
    '-c',
    'echo run >> /count; cat /count; exit 5',
  );
  assert.match(id, /^[0-9a-f]{64}$/);
  assert.equal(await host.ok('ps', '--format', '{{.Names}} {{.Status}} [{{.Pid}}]'), 'job created []');
  assert.equal(await host.ok('start', 'job'), 'job');
  assert.equal(await host.ok('wait', 'job'), '5');
  const again = await host.run(['start', '-a', 'job']);
  assert.deepEqual(again, { code: 5, stdout: 'run\nrun\n', stderr: '' });
  assert.equal(await field('job', 'State.ExitCode'), '5');
  await host.ok('rm', 'job');
});

test('start -a passes signals on and exits with the program’s code', async () => {
  await host.ok(
    'create',
    '--name',
    'listen',
    'busybox',
    'sh',
    '-c',
    'trap "exit 11" TERM; echo ready; while :; do sleep 0.05; done',
  );
  const live = new Live(host, 'start', '-a', 'listen');
  await live.says('ready');
  live.child.kill('SIGTERM');
  assert.equal(await live.code, 11);
  await host.ok('rm', 'listen');
});

test('start of a container that cannot start: an error, and the container is still there', async () => {
  await host.ok('create', '--name', 'bad', 'busybox', '/no/such');
  assert.match(await host.fails(127, 'start', 'bad'), /\/no\/such/);
  assert.match(await host.ok('ps', '-f', 'name=bad', '--format', '{{.Status}}'), /^(created|stopped)$/);
  await host.ok('rm', 'bad');
});

test('restart gives a running container a new process, and starts a stopped one', async () => {
  await host.ok('run', '-d', '--name', 'again', 'busybox', 'sh', '-c', 'echo up; exec sleep 1000');
  const ups = (count: number) =>
    until(`${count} times up`, async () => (await host.ok('logs', 'again')) === 'up\n'.repeat(count).trim());
  await ups(1);
  const first = await field('again', 'State.Pid');
  await host.ok('exec', 'again', 'touch', '/kept');
  await host.ok('restart', '-t', '0', 'again');
  assert.notEqual(await field('again', 'State.Pid'), first);
  await host.ok('exec', 'again', 'test', '-e', '/kept');
  await ups(2);
  await host.ok('stop', 'again');
  await host.ok('restart', 'again');
  assert.equal(await field('again', 'State.Running'), 'true');
  await ups(3);
  await host.ok('rm', '-f', 'again');
});

test('kill sends SIGKILL, or the signal of -s by name or number', async () => {
  await host.ok(
    'run',
    '-d',
    '--name',
    'kk',
    'busybox',
    'sh',
    '-c',
    'trap "echo hup" HUP; echo ready; while :; do sleep 0.05; done',
  );
  const logged = (text: string) => until(text, async () => (await host.ok('logs', 'kk')).includes(text));
  await logged('ready');
  for (const signal of ['HUP', 'SIGHUP', '1']) await host.ok('kill', '-s', signal, 'kk');
  await logged('hup');
  assert.equal(await field('kk', 'State.Running'), 'true');
  assert.equal(await host.ok('kill', 'kk'), 'kk');
  assert.equal(await host.ok('wait', 'kk'), '137');
  assert.match(await host.fails(1, 'kill', 'kk'), /not running/);
  assert.match(await host.fails(125, 'kill', '-s', 'NOSUCH', 'kk'), /NOSUCH/);
  await host.ok('rm', 'kk');
});

test('wait blocks until the end and prints the codes in the order given', async () => {
  await host.ok('run', '-d', '--name', 'w1', 'busybox', 'sh', '-c', 'sleep 0.4; exit 3');
  await host.ok('run', '-d', '--name', 'w2', 'busybox', 'sh', '-c', 'exit 4');
  assert.equal(await host.ok('wait', 'w1', 'w2'), '3\n4');
  assert.equal(await host.ok('wait', 'w1'), '3');
  await host.ok('rm', 'w1', 'w2');
});

test('rename: the new name finds it, the old one is free; a taken one is refused', async () => {
  await host.ok('create', '--name', 'old', 'busybox', 'true');
  await host.ok('create', '--name', 'other', 'busybox', 'true');
  await host.ok('rename', 'old', 'new');
  assert.match(await host.fails(1, 'inspect', 'old'), /old/);
  assert.equal(await field('new', 'Name'), '/new');
  assert.match((await host.run(['rename', 'new', 'other'])).stderr, /^mydocker: [^\n]*other[^\n]*\n$/);
  assert.match(await host.fails(125, 'rename', 'new', 'bad name'), /bad name/);
  assert.equal(await field('new', 'Name'), '/new');
  await host.ok('create', '--name', 'old', 'busybox', 'true');
  await host.ok('rm', 'old', 'new', 'other');
});

test('rm refuses a running container, -f removes it; an unknown one is an error', async () => {
  await host.ok('run', '-d', '--name', 'busy', 'busybox', 'sleep', '1000');
  const pid = await field('busy', 'State.Pid');
  assert.match(await host.fails(1, 'rm', 'busy'), /running/);
  assert.equal(await field('busy', 'State.Running'), 'true');
  assert.equal(await host.ok('rm', '-f', 'busy'), 'busy');
  assert.equal(existsSync(`/proc/${pid}`), false);
  assert.match(await host.fails(1, 'rm', 'busy'), /busy/);
  assert.deepEqual(leftovers(host.root), []);
});

test('rm of many goes on after a failure and exits 1', async () => {
  await host.ok('create', '--name', 'r1', 'busybox', 'true');
  await host.ok('create', '--name', 'r2', 'busybox', 'true');
  const result = await host.run(['rm', 'r1', 'unknown', 'r2']);
  assert.equal(result.code, 1);
  assert.deepEqual(result.stdout.trim().split('\n').sort(), ['r1', 'r2']);
  assert.match(result.stderr, /unknown/);
  assert.deepEqual(leftovers(host.root), []);
});

test('rm by several processes at the same time leaves nothing, and no two errors', async () => {
  await host.ok('run', '-d', '--name', 'shared', 'busybox', 'sleep', '1000');
  const results = await Promise.all([1, 2, 3, 4].map(() => host.run(['rm', '-f', 'shared'])));
  assert.ok(
    results.some(({ code }) => code === 0),
    JSON.stringify(results),
  );
  for (const { code, stderr } of results)
    if (code !== 0) assert.match(stderr, /^mydocker: no such container.*\n$/i);
  assert.deepEqual(leftovers(host.root), []);
});

test('containers are found by id, unique prefix and name, in every verb; else exit 1 and one sentence', async () => {
  const ids: string[] = [];
  // 17 containers: two of them share their first digit.
  for (let n = 0; n < 17; n++) ids.push(await host.ok('create', 'busybox', 'true'));
  const digits = ids.map((id) => id[0]);
  const shared = digits.find((digit, n) => digits.indexOf(digit) !== n) ?? '';
  const [first = ''] = ids;
  for (const ref of [first, first.slice(0, 12)]) assert.equal(await field(ref, 'Id'), first);
  const verbs = [
    ['start'],
    ['stop'],
    ['restart'],
    ['kill'],
    ['wait'],
    ['rm'],
    ['logs'],
    ['attach'],
    ['inspect', '--type', 'container'],
    ['commit'],
    ['rename', '%', 'x1'],
    ['exec', '%', 'true'],
  ];
  await Promise.all(
    verbs.map(async (verb) => {
      const args = (ref: string) =>
        verb.includes('%') ? verb.map((word) => (word === '%' ? ref : word)) : [...verb, ref];
      assert.match(
        (await host.run(args('unknown'))).stderr,
        /^mydocker: [^\n]*unknown[^\n]*\n$/,
        verb.join(' '),
      );
      assert.equal((await host.run(args('unknown'))).code, 1, `${verb.join(' ')} unknown`);
      const ambiguous = await host.run(args(shared));
      assert.equal(ambiguous.code, 1, `${verb.join(' ')} ambiguous`);
      assert.match(
        ambiguous.stderr,
        /^mydocker: [^\n]*(ambiguous|more than one|several|\d+ containers)[^\n]*\n$/i,
      );
    }),
  );
  await host.ok('rm', ...ids);
});

test('names are unique: of many creations at once with one name, one wins', async () => {
  const results = await Promise.all(
    [1, 2, 3, 4, 5].map(() => host.run(['create', '--name', 'only', 'busybox', 'true'])),
  );
  assert.equal(results.filter(({ code }) => code === 0).length, 1);
  for (const { code, stderr } of results) if (code !== 0) assert.match(stderr, /only/);
  assert.equal((await host.ok('ps', '-q')).split('\n').length, 1);
  await host.ok('rm', 'only');
  assert.deepEqual(leftovers(host.root), []);
});

test('start of a running container does nothing', async () => {
  await host.ok('run', '-d', '--name', 'one', 'busybox', 'sleep', '1000');
  const pid = await field('one', 'State.Pid');
  const result = await host.run(['start', 'one']);
  assert.equal(result.code, 0);
  assert.equal(await field('one', 'State.Pid'), pid);
  await sleep(50);
  await host.ok('rm', '-f', 'one');
});
