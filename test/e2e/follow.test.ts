/** start -a, logs -f across rotations, exit codes that nobody knows, and more mounts than there can be. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { after, test } from 'node:test';
import { Host } from './harness.ts';
import { Live } from './live.ts';

const host = new Host();
const directory = mkdtempSync('/var/tmp/mydocker-files-');
after(() => rmSync(directory, { recursive: true }));

test('start -a without -i gives the program nothing to read, and not its end either', async () => {
  const script = 'echo up; read -t 1 x && echo "got $x"; echo "read $?"';
  await host.ok('create', '-i', '--name', 'reads', 'busybox', 'sh', '-c', script);
  const silent = await host.run(['start', '-a', 'reads'], { input: 'typed\n' });
  assert.deepEqual([silent.stdout, silent.stderr], ['up\nread 1\n', '']);
  const whole = 'echo up; read x && echo "got $x"; echo "read $?"';
  await host.ok('create', '-i', '--name', 'hears', 'busybox', 'sh', '-c', whole);
  const typed = await host.run(['start', '-ai', 'hears'], { input: 'typed\n' });
  assert.equal(typed.stdout, 'up\ngot typed\nread 0\n');
  await host.ok('rm', 'reads', 'hears');
});

test('start -a of a container that runs attaches to it and exits with its code', async () => {
  const script = 'trap "echo bye; exit 9" TERM; while :; do echo tick; sleep 0.05; done';
  await host.ok('run', '-d', '--name', 'runs', 'busybox', 'sh', '-c', script);
  const live = new Live(host, 'start', '-a', 'runs');
  await live.says('tick');
  live.child.kill('SIGTERM');
  assert.equal(await live.code, 9);
  assert.match(live.stdout, /bye\n$/);
  assert.equal(live.stderr, '');
  await host.ok('rm', 'runs');
});

test('logs -f shows every line once, whatever was rotated meanwhile', async () => {
  const script = 'echo 0; until [ -e /go ]; do sleep 0.05; done; seq 1 400000; echo END';
  await host.ok('run', '-d', '--name', 'floods', 'busybox', 'sh', '-c', script);
  const live = new Live(host, 'logs', '-f', 'floods');
  await live.says('0\n');
  await host.ok('exec', 'floods', 'touch', '/go');
  assert.equal(await live.code, 0);
  const lines = live.stdout.trimEnd().split('\n');
  assert.equal(lines.length, 400_002);
  const wrong = lines.findIndex((line, i) => line !== (i === 400_001 ? 'END' : String(i)));
  assert.equal(wrong, -1, `line ${wrong} is ${lines[wrong]}`);
  await host.ok('rm', 'floods');
});

test('wait has no exit code of a container that was never started, and says so', async () => {
  await host.ok('create', '--name', 'fresh', 'busybox', 'true');
  assert.match(await host.fails(1, 'wait', 'fresh'), /fresh.*never started.*mydocker start fresh/);
  await host.ok('rm', 'fresh');
});

test('a foreground run killed by many signals at once ends with the program’s code', async () => {
  const live = new Live(
    host,
    'run',
    '--rm',
    'busybox',
    'sh',
    '-c',
    'trap "" USR1; trap "exit 5" TERM; echo up; while :; do sleep 0.05; done',
  );
  await live.says('up');
  for (let i = 0; i < 60; i++) live.child.kill('SIGUSR1');
  live.child.kill('SIGTERM');
  assert.equal(await live.code, 5);
  assert.equal(live.stderr, '');
});

test('more mounts than there can be: one sentence that names the limit', async () => {
  const binds = (count: number) =>
    Array.from({ length: count }, (_, i) => ['-v', `${directory}:/m${i}`]).flat();
  const scratch = Array.from({ length: 201 }, (_, i) => ['--tmpfs', `/t${i}`]).flat();
  assert.equal(await host.ok('run', '--rm', ...binds(156), 'busybox', 'echo', 'fits'), 'fits');
  assert.match(
    await host.fails(125, 'run', '--rm', ...binds(157), 'busybox', 'true'),
    /160 mounts .* there can be 159;/,
  );
  assert.match(
    await host.fails(125, 'run', '--rm', ...scratch, 'busybox', 'true'),
    /201 tmpfs mounts .* 200/,
  );
});
