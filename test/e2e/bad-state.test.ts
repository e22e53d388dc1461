/** Damaged files below the root directory: that container is shown as broken and can be removed, the others work. */
import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { test } from 'node:test';
import { cgroups, Host, processes, until } from './harness.ts';
import { shims, stateOf } from './state.ts';

const host = new Host();
const ID = '{{.ID}} {{.State}}';

const record = (id: string): string => `${host.root}/containers/${id}/container.json`;
const list = async (): Promise<string[]> =>
  (await host.ok('ps', '--no-trunc', '--format', ID))
    .split('\n')
    .filter((line) => line !== '')
    .sort();

/** Every way in which one field of an object can have a wrong type; nested ones too. */
function wrongTypes(value: unknown, path: string[] = []): Array<{ path: string[]; wrong: unknown }> {
  const candidates: unknown[] = [7, 'text', null, true, [], {}, [7], [null]];
  const kind = (v: unknown): string => (Array.isArray(v) ? 'list' : v === null ? 'null' : typeof v);
  const here =
    path.length === 0
      ? []
      : candidates.filter((wrong) => kind(wrong) !== kind(value)).map((wrong) => ({ path, wrong }));
  if (Array.isArray(value))
    return value.length === 0
      ? here
      : [...here, { path: [...path, '0'], wrong: kind(value[0]) === 'number' ? 'x' : 7 }];
  if (typeof value !== 'object' || value === null) return here;
  return [...here, ...Object.entries(value).flatMap(([key, inner]) => wrongTypes(inner, [...path, key]))];
}

function withWrong(text: string, path: readonly string[], wrong: unknown): string {
  const whole = JSON.parse(text) as Record<string, unknown>;
  let at: Record<string, unknown> = whole;
  for (const key of path.slice(0, -1)) at = at[key] as Record<string, unknown>;
  at[path.at(-1) ?? ''] = wrong;
  return JSON.stringify(whole);
}

const garbage: ReadonlyArray<readonly [what: string, damage: (text: string) => string]> = [
  ['empty', () => ''],
  ['cut in the middle', (text) => text.slice(0, text.length / 2)],
  ['cut by one byte', (text) => text.trimEnd().slice(0, -1)],
  ['zeros after a power cut', (text) => '\0'.repeat(text.length)],
  ['binary', () => '\x7fELF\x02\xff\xfe'],
  ['another type', () => '[]'],
  ['null', () => 'null'],
  ['an empty object', () => '{}'],
  ['another version', (text) => text.replace('"version":1', '"version":2')],
];

test('a corrupt container.json: shown as broken, refused by name, removable; the others work', async () => {
  await host.ok('run', '--rm', 'busybox', 'true');
  const before = stateOf(host.root);
  const good = await host.ok('run', '-d', '--name', 'good', 'busybox', 'sleep', '600');
  for (const [what, damage] of garbage) {
    const bad = await host.ok('create', '--name', 'bad', 'busybox', 'true');
    writeFileSync(record(bad), damage(readFileSync(record(bad), 'utf8')));
    assert.deepEqual(await list(), [`${bad} broken`, `${good} running`].sort(), what);
    assert.match(await host.ok('ps'), /bad +broken/, `${what}: it keeps its name`);
    for (const verb of ['start', 'stop', 'kill', 'logs', 'wait', 'commit', 'attach', 'restart']) {
      const line = await host.fails(1, verb, 'bad');
      assert.match(
        line,
        /container [0-9a-f]{12} is broken: .*container\.json cannot be read: .*; remove it with: mydocker rm -f/,
        `${what}: ${verb}`,
      );
    }
    assert.equal(await host.ok('exec', 'good', 'echo', 'well'), 'well');
    assert.match(await host.fails(125, 'create', '--name', 'bad', 'busybox', 'true'), /"bad" is in use/);
    await host.ok('rm', 'bad');
    assert.deepEqual(await list(), [`${good} running`], what);
    await host.ok('create', '--name', 'bad', 'busybox', 'true');
    await host.ok('rm', 'bad');
  }
  await host.ok('rm', '-f', 'good');
  assert.deepEqual(stateOf(host.root), before);
});

test('a container.json with one field of a wrong type is broken, never half believed', async () => {
  const flags = ['-m', '64m', '-v', '/etc:/data:ro', '--tmpfs', '/t', '--label', 'a=b', '-e', 'A=b'];
  const bad = await host.ok('create', ...flags, '--name', 'bad', 'busybox', 'true');
  const text = readFileSync(record(bad), 'utf8');
  const cases = wrongTypes(JSON.parse(text));
  assert.ok(cases.length > 100, `${cases.length} wrong types`);
  for (const { path, wrong } of cases) {
    writeFileSync(record(bad), withWrong(text, path, wrong));
    assert.deepEqual(await list(), [`${bad} broken`], `${path.join('.')} = ${JSON.stringify(wrong)}`);
  }
  await host.ok('rm', bad);
});

test('a corrupt record of a running container: rm -f ends it and leaves nothing', async () => {
  const id = await host.ok('run', '-d', '--name', 'bad', 'busybox', 'sleep', '603');
  const [pid = 0] = processes('sleep\x00603');
  truncateSync(record(id), 20);
  assert.deepEqual(await list(), [`${id} broken`]);
  await host.ok('rm', '-f', 'bad');
  assert.equal(existsSync(`/proc/${pid}`), false, 'its process is gone');
  assert.deepEqual(await list(), []);
});

const states: typeof garbage = [
  ...garbage.filter(([what]) => what !== 'another version'),
  ['wrong types', () => '{"status":1,"pid":"x","monitorPid":null,"startTicks":[],"bootId":{}}'],
];

test('a corrupt state.json: never believed, and rm -f ends what runs behind it', async () => {
  const good = await host.ok('run', '-d', '--name', 'good', 'busybox', 'sleep', '600');
  for (const [what, damage] of states) {
    const id = await host.ok('run', '-d', '--name', 'bad', 'busybox', 'sleep', '604');
    const path = `${host.root}/run/${id}/state.json`;
    writeFileSync(path, damage(readFileSync(path, 'utf8')));
    assert.deepEqual(await list(), [`${good} running`, `${id} broken`].sort(), what);
    assert.match(await host.fails(1, 'exec', 'bad', 'true'), /broken|not running/, what);
    assert.match(await host.fails(1, 'rm', 'bad'), /; .*rm -f/, `${what}: it may be running`);
    await host.ok('rm', '-f', 'bad');
    assert.deepEqual(processes('sleep\x00604'), [], `${what}: its process is gone`);
    assert.deepEqual(
      cgroups().filter((path) => path.endsWith(id)),
      [],
      what,
    );
    assert.deepEqual(await list(), [`${good} running`], what);
  }
  await until('only the good one’s monitor is left', () => shims(host.root).length === 1);
  await host.ok('rm', '-f', 'good');
});

test('a corrupt exit.json: stopped, with a note, and it starts again', async () => {
  for (const [what, damage] of states) {
    const id = await host.ok('create', 'busybox', 'sh', '-c', 'exit 3');
    assert.equal((await host.run(['start', '-a', id])).code, 3);
    const path = `${host.root}/containers/${id}/exit.json`;
    writeFileSync(path, damage(readFileSync(path, 'utf8')));
    assert.deepEqual(await list(), [`${id} stopped`], what);
    assert.match(
      await host.ok('inspect', '-f', '{{.State.ExitCode}} {{.State.Error}}', id),
      /^255 .*exit\.json cannot be read/,
      what,
    );
    assert.equal((await host.run(['start', '-a', id])).code, 3, what);
    await host.ok('rm', id);
  }
});

const plans: ReadonlyArray<readonly [what: string, damage: (plan: Buffer) => Buffer]> = [
  [
    'another version',
    (plan) => Buffer.concat([plan.subarray(0, 4), Buffer.from([1, 2, 3, 4]), plan.subarray(8)]),
  ],
  ['cut', (plan) => plan.subarray(0, plan.length / 2)],
  ['empty', () => Buffer.alloc(0)],
];

test('the plan of a dead monitor cannot be read: it is still buried, with cgroup and processes', async () => {
  for (const [what, damage] of plans) {
    const kept = await host.ok('run', '-d', 'busybox', 'sleep', '605');
    const removed = await host.ok('run', '-d', '--rm', 'busybox', 'sleep', '605');
    for (const id of [kept, removed]) {
      const directory = `${host.root}/run/${id}`;
      const { monitorPid } = JSON.parse(readFileSync(`${directory}/state.json`, 'utf8')) as {
        monitorPid: number;
      };
      writeFileSync(`${directory}/plan`, damage(readFileSync(`${directory}/plan`)));
      process.kill(monitorPid, 'SIGKILL');
      await until('the monitor is gone', () => !shims(host.root).includes(monitorPid));
    }
    assert.deepEqual(await list(), [`${kept} stopped`], what);
    assert.deepEqual(
      cgroups().filter((path) => path.endsWith(kept) || path.endsWith(removed)),
      [],
      what,
    );
    assert.deepEqual(processes('sleep\x00605'), [], what);
    await host.ok('rm', kept);
  }
});

test('a damaged names directory: a name without its container is free again, one without content too', async () => {
  const lost = `${host.root}/names/lost`;
  for (const content of ['f'.repeat(64), '', 'garbage\n', '../../etc/passwd']) {
    writeFileSync(lost, content);
    await host.fails(1, 'inspect', '--type', 'container', '-f', '{{.Id}}', 'lost');
    const id = await host.ok('create', '--name', 'lost', 'busybox', 'true');
    assert.equal(readlinkSync(lost), id);
    await host.ok('rm', 'lost');
  }
});

test('more leftovers than one plan holds are cleared all the same', async () => {
  await host.ok('ps');
  // A pid beyond the kernel's greatest: its owner has ended.
  for (let i = 0; i < 1100; i++)
    mkdirSync(`${host.root}/containers/.tmp-4194305-77-${i.toString(16).padStart(6, '0')}`);
  await host.ok('ps');
  assert.deepEqual(
    readdirSync(`${host.root}/containers`).filter((name) => name.startsWith('.tmp-')),
    [],
  );
});

test('more variables than one plan holds: one sentence, and nothing is left', async () => {
  const file = `${host.root}/variables`;
  writeFileSync(file, Array.from({ length: 90 }, (_, i) => `V${i}=${'x'.repeat(100_000)}`).join('\n'));
  assert.match(
    await host.fails(125, 'run', '--rm', '--env-file', file, 'busybox', 'true'),
    /takes \d+ bytes .*; ask for less/,
  );
});
