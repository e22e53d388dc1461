/** Exhaustive fault injection: every step of every kind of plan fails once, and nothing is left of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { command, EXECUTABLE } from './harness.ts';
import { inTerminal } from './state.ts';
import { type Lane, lanes, walk, walkRun } from './walk.ts';

/** Every feature that adds a step. */
function features({ data }: Lane): string[] {
  const limits = ['-m', '64m', '-cpu', '50', '--cpuset-cpus', '0', '--pids-limit', '50'];
  const mounts = ['-v', `${data}:/data`, '-v', `${data}/kept:/etc/kept:ro`, '--tmpfs', '/scratch:size=1m'];
  const program = [
    '--read-only',
    '--init',
    '-u',
    '1000',
    '-w',
    '/tmp',
    '--hostname',
    'nest',
    '--dns',
    '127.0.0.1',
    '--egress',
    'allow=example.com,10.0.0.0/8',
  ];
  return [...limits, ...mounts, ...program, '--label', 'a=b', '--name', 'bird'];
}

test('a fault at every step of run leaves nothing', () => walkRun([], features));
test('a fault at every step of run --rm leaves nothing', () => walkRun(['--rm'], features));
test('a fault at every step of run -d leaves nothing', () => walkRun(['-d'], features));
test('a fault at every step of run -it leaves nothing', () => walkRun(['-it', '--rm'], features, true));

test('a fault at every step of start leaves the stopped container as it was', async () => {
  await Promise.all(lanes.map((lane) => lane.host.ok('run', ...features(lane), 'busybox', 'true')));
  const count = await walk({
    attempt: ({ host }, fault) => host.run(['start', 'bird'], { env: { MYDOCKER_FAIL_STEP: fault } }),
    tidy: ({ host }) => host.ok('wait', 'bird'),
  });
  assert.ok(count > 100, `${count} steps`);
  for (const { host } of lanes) {
    assert.equal(await host.ok('start', '-a', 'bird'), '', 'it still starts');
    await host.ok('rm', 'bird');
  }
});

const EXECS: ReadonlyArray<readonly [how: string, flags: string[], terminal: boolean]> = [
  ['in the foreground', [], false],
  ['-d', ['-d'], false],
  ['-it', ['-it'], true],
];

for (const [how, flags, terminal] of EXECS) {
  test(`a fault at every step of exec ${how} leaves the container running as it was`, async () => {
    await Promise.all(
      lanes.map((lane) => lane.host.ok('run', '-d', ...features(lane), 'busybox', 'sleep', '600')),
    );
    const count = await walk({
      attempt: ({ host }, fault) => {
        const words = ['exec', ...flags, '-u', '1000', '-w', '/', 'bird', 'true'];
        const env = { MYDOCKER_FAIL_STEP: fault, MYDOCKER_ROOT: host.root };
        return terminal ? command(...inTerminal([EXECUTABLE, ...words]), { env }) : host.run(words, { env });
      },
    });
    assert.ok(count > 10, `${count} steps`);
    for (const { host } of lanes) {
      assert.equal(await host.ok('exec', 'bird', 'hostname'), 'nest', 'it still runs');
      await host.ok('rm', '-f', 'bird');
    }
  });
}
