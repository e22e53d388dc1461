/** `explain run …`: the plan in words, by anybody, without doing any of it. */
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { after, test } from 'node:test';
import { cgroups, command, EXECUTABLE, Host, leftovers } from './harness.ts';

const host = new Host();
const directory = mkdtempSync('/var/tmp/mydocker-files-');
after(() => rmSync(directory, { recursive: true }));

interface Line {
  n: number;
  where: string;
  op: string;
  call: string;
  text: string;
  why: string;
}

test('explain run prints every step in order, by process, with its reason', async () => {
  const text = await host.ok(
    'explain',
    'run',
    '-m',
    '64m',
    '--hostname',
    'nest',
    '-v',
    '/etc:/host:ro',
    'busybox',
    'top',
    '-d',
    '1 2',
  );
  const at = (pattern: RegExp) => {
    const found = text.search(pattern);
    assert.ok(found >= 0, `${pattern} is in the plan:\n${text}`);
    return found;
  };
  const order = [
    /clone3?\(/,
    /mount\("overlay"/,
    /pivot_root\(/,
    /sethostname\("nest"\)/,
    /execve?\(|exec\(/,
  ].map(at);
  assert.deepEqual(
    order.slice(0, 3),
    order.slice(0, 3).sort((a, b) => a - b),
    'clone, overlay, pivot_root',
  );
  assert.ok(at(/execve?\(|exec\(/) > at(/sethostname/), 'exec comes last');
  at(/CLONE_NEWPID/);
  at(/(limit_in_bytes|memory\.max)", "67108864"/);
  at(/"1 2"/);
  for (const line of text.split('\n').filter((row) => /^ *\d+ /.test(row)))
    assert.ok(line.trim().split(/ {2,}/).length >= 2, line);
});

test('explain --json: numbered steps with call, why and undo; nothing is shortened', async () => {
  const { steps } = JSON.parse(
    await host.ok('explain', 'run', '--json', 'busybox', 'echo', 'x'.repeat(500)),
  ) as { steps: Line[] };
  assert.ok(steps.length > 20);
  assert.deepEqual(
    steps.map(({ n }) => n),
    steps.map((_, n) => n + 1),
  );
  const rank = ['host', 'host-after', 'init'];
  for (const { where, why, call, op } of steps)
    assert.ok(
      rank.includes(where) && why !== '' && call !== '' && op !== '',
      JSON.stringify({ where, why, call, op }),
    );
  const sections = steps.map(({ where }) => where).filter((where, n, all) => where !== all[n - 1]);
  assert.deepEqual(sections, rank, 'host, then host-after, then init');
  assert.match(steps.at(-1)?.text ?? '', /x{500}/);
  assert.equal(steps.at(-1)?.op, 'exec');
});

test('explain changes nothing', async () => {
  await host.ok('explain', 'run', '-d', '--name', 'ghost', '--rm', 'busybox', 'true');
  await host.ok('explain', 'create', 'busybox', 'true');
  assert.deepEqual(leftovers(host.root), []);
  assert.equal(await host.ok('ps', '-q'), '');
  assert.equal((await host.run(['inspect', 'ghost'])).code, 1);
});

test('explain by somebody else than root, in an empty root, works and writes nothing', async () => {
  chmodSync(directory, 0o755);
  const copy = `${directory}/mydocker`;
  copyFileSync(EXECUTABLE, copy);
  chmodSync(copy, 0o755);
  const root = `${directory}/nowhere`;
  const result = await command(
    'setpriv',
    [
      '--reuid',
      '65534',
      '--regid',
      '65534',
      '--clear-groups',
      copy,
      'explain',
      'run',
      '--rm',
      'busybox',
      'echo',
      'hello',
    ],
    { env: { MYDOCKER_ROOT: root } },
  );
  assert.equal(result.code, 0, result.stderr);
  assert.match(result.stdout, /pivot_root/);
  assert.equal(existsSync(root), false);
  assert.deepEqual(readdirSync(directory), ['mydocker']);
  // The id that explain shows is made up; other tests' containers come and go meanwhile.
  const shown = /mydocker\/([0-9a-f]{12})/.exec(result.stdout)?.[1] ?? assert.fail('no cgroup in the plan');
  assert.deepEqual(
    cgroups().filter((name) => name.includes(shown)),
    [],
  );
});

test('explain of a bad flag is the same error as run', async () => {
  assert.match(await host.fails(125, 'explain', 'run', '-m', 'lots', 'busybox', 'true'), /lots/);
  assert.match(await host.fails(125, 'explain', 'stop'), /stop/);
});
