/** `events`: what happens is told by whoever does it, in one file, with no daemon. */
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { command, EXECUTABLE, Host, SLOWNESS, until } from './harness.ts';
import { Live } from './live.ts';

interface DockerEvent {
  status?: string;
  from?: string;
  Type: string;
  Action: string;
  Actor: { ID: string; Attributes: Record<string, string> };
  scope: string;
  time: number;
}

const host = new Host();

async function eventsOf(...filters: string[]): Promise<DockerEvent[]> {
  const flags = filters.flatMap((filter) => ['--filter', filter]);
  const text = await host.ok('events', '--since', '1h', '--until', '0s', '--format', 'json', ...flags);
  return text === '' ? [] : text.split('\n').map((line) => JSON.parse(line) as DockerEvent);
}

const actions = async (...filters: string[]): Promise<string[]> =>
  (await eventsOf(...filters)).map((event) => event.Action);

test('the life of a container, in order, as Docker tells it', async () => {
  const id = await host.ok('create', '--name', 'bird', '--label', 'a=b', 'busybox', 'sh', '-c', 'exit 7');
  await host.run(['start', '-a', 'bird']);
  await host.ok('rename', 'bird', 'tit');
  await host.ok('rm', 'tit');
  const list = await eventsOf(`container=${id}`);
  assert.deepEqual(
    list.map((event) => event.Action),
    ['create', 'start', 'die', 'rename', 'destroy'],
  );
  const [create, , die, rename, destroy] = list;
  assert.equal(create?.Type, 'container');
  assert.equal(create?.status, 'create');
  assert.equal(create?.from, 'busybox');
  assert.equal(create?.Actor.ID, id);
  assert.deepEqual(create?.Actor.Attributes, { image: 'busybox', name: 'bird', a: 'b' });
  assert.equal(die?.Actor.Attributes.exitCode, '7');
  assert.equal(rename?.Actor.Attributes.oldName, 'bird');
  assert.equal(destroy?.Actor.Attributes.name, 'tit');
  assert.ok(Math.abs((create?.time ?? 0) - Date.now() / 1000) < 3600);
  const raw = await host.ok('events', '--since', '1h', '--until', '0s', '--format', 'json');
  assert.match(raw, /"timeNano":\d{19}}$/m, 'a whole number, to the last digit');
});

test('a detached container that ends with nobody there is told of, and with --rm its removal', async () => {
  const id = await host.ok('run', '-d', '--rm', 'busybox', 'sleep', '0.2');
  const all = () => eventsOf(`container=${id}`);
  await until('it is gone', async () => (await all()).length === 4);
  assert.deepEqual(
    (await all()).map((event) => event.Action),
    ['create', 'start', 'die', 'destroy'],
  );
});

test('stop, kill, exec, restart, commit, and images', async () => {
  await host.ok(
    'run',
    '-d',
    '--name',
    'busy',
    'busybox',
    'sh',
    '-c',
    'trap "exit 0" TERM; while :; do sleep 0.1; done',
  );
  await host.ok('exec', 'busy', 'sh', '-c', 'exit 0');
  await host.run(['exec', 'busy', 'sh', '-c', 'exit 3']);
  await host.ok('commit', 'busy', 'busied');
  await host.ok('stop', 'busy');
  await host.ok('start', 'busy');
  await host.ok('kill', 'busy');
  await host.ok('rm', 'busy');
  assert.deepEqual(await actions('container=busy'), [
    ...['create', 'start', 'exec_create', 'exec_start', 'exec_die', 'exec_create', 'exec_start', 'exec_die'],
    ...['commit', 'kill', 'die', 'stop', 'start', 'kill', 'die', 'destroy'],
  ]);
  const [zero, three] = await eventsOf('container=busy', 'event=exec_die');
  assert.equal(zero?.Actor.Attributes.exitCode, '0');
  assert.equal(three?.Actor.Attributes.exitCode, '3');
  assert.equal(three?.Actor.Attributes.command, 'sh -c exit 3');
  const [stop, kill] = await eventsOf('container=busy', 'event=kill');
  assert.equal(stop?.Actor.Attributes.signal, '15');
  assert.equal(kill?.Actor.Attributes.signal, '9');
  await host.ok('tag', 'busied', 'again:1');
  await host.ok('rmi', 'again:1');
  await host.ok('rmi', 'busied');
  const images = await actions('type=image');
  assert.deepEqual(images.slice(0, 3), ['tag', 'untag', 'untag']);
  assert.ok(images.includes('delete'), images.join(' '));
});

test('it follows, filters, and ends at a time', async () => {
  const live = new Live(host, 'events', '--filter', 'event=die', '--format', '{{.Action}} {{.Name}}');
  const other = new Live(
    host,
    'events',
    '--filter',
    'label=team=blue',
    '--until',
    `${Date.now() / 1000 + 20 * SLOWNESS}`,
  );
  // Whether they listen shows in what they say: tried until both do.
  await until('they follow', async () => {
    await host.ok('run', '--rm', '--name', 'first', '--label', 'team=red', 'busybox', 'true');
    await host.ok('run', '--rm', '--name', 'second', '--label', 'team=blue', 'busybox', 'true');
    return live.stdout.includes('die second') && other.stdout.includes('container die');
  });
  assert.match(live.stdout, /die first/);
  assert.doesNotMatch(live.stdout, /start|create/);
  assert.doesNotMatch(other.stdout, /first/);
  live.child.kill('SIGKILL');
  other.child.kill('SIGKILL');
  const soon = await host.ok('events', '--until', `${Date.now() / 1000 + 1}`);
  assert.equal(soon, '', 'nothing happened from now on');
});

test('many at once: every event is there, and whole', async () => {
  const before = (await eventsOf('event=destroy')).length;
  const run = () => host.ok('run', '--rm', '--label', `text=${'x'.repeat(1500)}`, 'busybox', 'true');
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      for (let i = 0; i < 5; i++) await run();
    }),
  );
  assert.equal((await eventsOf('event=destroy')).length - before, 20);
  for (const line of readFileSync(`${host.root}/events.jsonl`, 'utf8').trimEnd().split('\n'))
    JSON.parse(line);
});

test('a container whose monitor was killed is told of when it is found', async () => {
  const id = await host.ok('run', '-d', '--name', 'orphan', 'busybox', 'sleep', '600');
  const state = JSON.parse(readFileSync(`${host.root}/run/${id}/state.json`, 'utf8')) as {
    monitorPid: number;
  };
  process.kill(state.monitorPid, 'SIGKILL');
  await until('it is buried', async () => (await host.ok('ps')).includes('stopped'));
  const [die] = await eventsOf(`container=${id}`, 'event=die');
  assert.equal(die?.Actor.Attributes.exitCode, '137');
  await host.ok('rm', 'orphan');
});

test('a container killed for want of memory: oom, then die', async () => {
  const flags = ['-m', '16m', '--name', 'eater'];
  const { code } = await host.run(['run', ...flags, 'busybox', 'sh', '-c', 'tail /dev/zero']);
  assert.notEqual(code, 0);
  assert.deepEqual(await actions('container=eater'), ['create', 'start', 'oom', 'die']);
  await host.ok('rm', 'eater');
});

test('what failed is not told', async () => {
  const before = await eventsOf();
  await host.run(['run', '--rm', '-w', '/nowhere', 'busybox', 'true']);
  await host.run(['run', '--rm', 'busybox', '/no/such/program']);
  await host.run(['kill', 'nobody']);
  assert.deepEqual(await eventsOf(), before);
});

test('lines that make no sense are left out, and control characters of a label do not reach the terminal', async () => {
  appendFileSync(`${host.root}/events.jsonl`, 'nonsense\n{"time":1}\n\n[]\n{"type":"container"}\n');
  await host.ok('run', '--rm', '--name', 'bell', '--label', 'x=\u001b]0;title\u0007', 'busybox', 'true');
  const text = await host.ok('events', '--since', '1h', '--until', '0s', '--filter', 'container=bell');
  assert.match(text, /x=\\u001b\]0;title\\u0007/);
  const [event] = await eventsOf('container=bell');
  assert.equal(event?.Actor.Attributes.x, '\u001b]0;title\u0007');
});

test('a file grown long is put aside once, and read and followed across that', async () => {
  const path = `${host.root}/events.jsonl`;
  const filler = `${JSON.stringify({ time: '2020-01-01T00:00:00.000000000Z', type: 'volume', action: 'create', id: 'v', attributes: {} })}\n`;
  writeFileSync(path, readFileSync(path, 'utf8') + filler.repeat(Math.ceil((8 * 2 ** 20) / filler.length)));
  const live = new Live(host, 'events', '--filter', 'event=start', '--format', '{{.Name}}');
  await Promise.all(Array.from({ length: 4 }, () => host.ok('run', '--rm', 'busybox', 'true')));
  await until('it was put aside', () => existsSync(`${path}.1`));
  await until('it follows', async () => {
    await host.ok('run', '--rm', '--name', 'after', 'busybox', 'true');
    return live.stdout.includes('after');
  });
  live.child.kill('SIGKILL');
  assert.ok(statSync(path).size < 2 ** 20);
  assert.equal((await eventsOf('container=orphan', 'event=create')).length, 1, 'from the older file');
  assert.ok((await eventsOf('container=after')).length >= 4, 'from the newer one');
});

test('filters and times that are none are refused in words', async () => {
  assert.match(
    await host.fails(125, 'events', '--filter', 'colour=red'),
    /"colour=red" is no filter of events; give KEY=VALUE/,
  );
  assert.match(await host.fails(125, 'events', '--filter', 'event'), /is no filter/);
  assert.match(await host.fails(125, 'events', '--since', 'yesterday'), /--since "yesterday" is no time/);
});

test('a reader that goes away ends it', async () => {
  const script = `"${EXECUTABLE}" events --since 1h --until 0s | head -n 1`;
  const { stdout } = await command('sh', ['-c', script], { env: { MYDOCKER_ROOT: host.root } });
  assert.equal(stdout.trimEnd().split('\n').length, 1);
});
