/** What a container uses up, or types, is its own: tried as its root with default flags. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { makeAttackProgram } from './attack-program.ts';
import { command, EXECUTABLE, Host, SLOWNESS, until } from './harness.ts';

const host = new Host();
const files = mkdtempSync('/var/tmp/mydocker-files-');
after(() => rmSync(files, { recursive: true }));
before(() => makeAttackProgram(files));
const shell = (script: string, ...flags: string[]) =>
  host.run(['run', '--rm', ...flags, 'busybox', 'sh', '-c', script]);
const WITH_PROGRAM = (): string[] => ['-v', `${files}/attack:/attack:ro`];

test('a fork bomb ends at its limit; the container can be stopped, and others do not notice', async () => {
  await host.ok('run', '-d', '--name', 'calm', 'busybox', 'sleep', '1000');
  await host.ok(
    'run',
    '-d',
    '--name',
    'bomb',
    '--pids-limit',
    '60',
    'busybox',
    'sh',
    '-c',
    'f() { f | f & }; f; exec sleep 1000',
  );
  // The kernel counts the forks that it refused: cgroup v1 and v2 call the file alike.
  const id = await host.ok('inspect', '-f', '{{.Id}}', 'bomb');
  const events = ['pids/mydocker', 'mydocker']
    .map((group) => `/sys/fs/cgroup/${group}/${id}/pids.events`)
    .find((path) => existsSync(path));
  assert.ok(events !== undefined);
  await until('it has met its limit', () => /^max [1-9]/m.test(readFileSync(events, 'utf8')));
  assert.ok(Number(await host.ok('stats', '--no-stream', '--format', '{{.PIDs}}', 'bomb')) <= 60);
  assert.equal(await host.ok('exec', 'calm', 'echo', 'fine'), 'fine');
  await host.ok('rm', '-f', 'bomb');
  assert.equal(await host.ok('exec', 'calm', 'echo', 'fine'), 'fine');
  await host.ok('rm', '-f', 'calm');
});

test('a filled /dev/shm or tmpfs is full at its size, and counts as memory of the container', async () => {
  const fill = 'head -c 200000000 /dev/zero >/dev/shm/x 2>/dev/null || echo full; stat -c %s /dev/shm/x';
  assert.equal((await shell(fill)).stdout, 'full\n67108864\n');
  const counted = await shell(
    'head -c 60000000 /dev/zero >/dev/shm/x; echo survived',
    '-m',
    '16m',
    '--memory-swap',
    '16m',
  );
  assert.ok(
    counted.code === 137 || !counted.stdout.includes('survived') || /No space|Killed/.test(counted.stderr),
    counted.stdout,
  );
});

/** The row in docs/security.md says 10 GB; so many by hand: MYDOCKER_TEST_LOG_BYTES=10000000000 (a minute and a half). */
const LOG_BYTES = Number(process.env.MYDOCKER_TEST_LOG_BYTES ?? 300_000_000 / SLOWNESS);

test('however much a container writes, its log takes 30 MB of the disk, and who keeps it no more memory', async () => {
  const id = await host.ok(
    'run',
    '-d',
    '--name',
    'talks',
    'busybox',
    'sh',
    '-c',
    `yes ${'x'.repeat(4000)} | head -c ${LOG_BYTES}; exit 7`,
  );
  const directory = `${host.root}/containers/${id}`;
  const logged = (): number =>
    readdirSync(directory)
      .filter((name) => name.startsWith('log'))
      // One may be rotated away just now.
      .reduce(
        (sum, name) => sum + (statSync(`${directory}/${name}`, { throwIfNoEntry: false })?.size ?? 0),
        0,
      );
  const monitor = (await host.ok('inspect', '-f', '{{.State.Pid}}', 'talks')).trim();
  const parent = /^PPid:\t(\d+)/m.exec(readFileSync(`/proc/${monitor}/status`, 'utf8'))?.[1] ?? '';
  const seen = { bytes: 0, kb: 0 };
  await until(
    'it has written all',
    async () => {
      seen.bytes = Math.max(seen.bytes, logged());
      const status = existsSync(`/proc/${parent}/status`)
        ? readFileSync(`/proc/${parent}/status`, 'utf8')
        : '';
      seen.kb = Math.max(seen.kb, Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0));
      return (await host.ok('inspect', '-f', '{{.State.Status}}', 'talks')) === 'exited';
    },
    600_000,
  );
  assert.equal(await host.ok('wait', 'talks'), '7');
  assert.ok(seen.bytes > 1_000_000 && seen.bytes <= 30_500_000, `${seen.bytes} bytes of log`);
  assert.ok(process.env.MYDOCKER_TEST_EXECUTABLE !== undefined || seen.kb < 1000, `${seen.kb} kB`);
  await host.ok('rm', 'talks');
});

test('a hundred thousand open files: the limit holds, and the container answers and ends', async () => {
  await host.ok('run', '-d', '--name', 'opener', ...WITH_PROGRAM(), 'busybox', '/attack', 'open');
  await until(
    'it has opened what it may',
    async () => /^\d+$/m.test(await host.ok('logs', 'opener')),
    30_000,
  );
  const hard = Number(await host.ok('exec', 'opener', 'sh', '-c', 'ulimit -n'));
  const opened = Number(await host.ok('logs', 'opener'));
  assert.ok(opened === 100_000 || (opened > hard - 20 && opened < hard), `${opened} of ${hard}`);
  assert.equal(await host.ok('exec', 'opener', 'echo', 'answers'), 'answers');
  await host.ok('rm', '-f', 'opener');
});

test('what is typed into its terminal by TIOCSTI does not reach the caller’s shell', async () => {
  const inner = `'${EXECUTABLE}' --root '${host.root}' run --rm -it -v '${files}/attack:/attack:ro' busybox /attack type 'touch ${files}/typed\n'`;
  const script = `${inner}; if read -t 1 line; then echo "got: $line"; else echo nothing; fi`;
  const result = await command(
    'sh',
    ['-c', `{ sleep 3; } | script -qec "bash -c \\"\\$SCRIPT\\"" /dev/null`],
    { env: { SCRIPT: script } },
  );
  assert.match(result.stdout, /nothing/);
  assert.doesNotMatch(result.stdout, /got:/);
  assert.equal(existsSync(`${files}/typed`), false);
});
