/** `ps`: every flag, filter and format. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { Host } from './harness.ts';

const host = new Host();
const ids: Record<string, string> = {};
const ps = (...args: string[]) => host.ok('ps', ...args);
const names = async (...args: string[]) =>
  (await ps('--format', '{{.Names}}', ...args)).split('\n').filter(Boolean);

test('ps of nothing is a head line alone; -q and --format print nothing', async () => {
  assert.match(await ps(), /^ID +NAME +PID +IP +STATUS +COMMAND +CREATED +IMAGE +PORTS$/);
  assert.equal(await ps('-q'), '');
  assert.equal(await ps('--format', '{{.ID}}'), '');
  assert.equal(await ps('--format', 'json'), '');
});

test('ps: four containers, one of each kind', async () => {
  const make = async (name: string, verb: string[], ...args: string[]) => {
    ids[name] = await host.ok(...verb, '--name', name, ...args);
  };
  const long = ['sh', '-c', 'a rather long command line, which is cut'];
  await make('first', ['create'], '-l', 'app=web', '-l', 'tier', 'busybox', ...long);
  await make('second', ['run', '-d'], '-l', 'app=db', 'busybox', 'sleep', '1000');
  await make('third', ['run', '-d'], 'busybox', 'sh', '-c', 'exit 3');
  await host.ok('wait', 'third');
  await make('fourth', ['run', '-d'], '-l', 'app=web', 'busybox', 'true');
  await host.ok('wait', 'fourth');
});

test('ps lists all containers, newest first, in columns', async () => {
  const [head = '', ...rows] = (await ps()).split('\n');
  assert.equal(rows.length, 4);
  const at = (name: string) => head.indexOf(name);
  const cell = (row: string, from: string, to: string) => row.slice(at(from), at(to)).trim();
  assert.deepEqual(
    rows.map((row) => cell(row, 'NAME', 'PID')),
    ['fourth', 'third', 'second', 'first'],
  );
  assert.deepEqual(
    rows.map((row) => cell(row, 'STATUS', 'COMMAND')),
    ['stopped', 'stopped', 'running', 'created'],
  );
  const pids = rows.map((row) => cell(row, 'PID', 'IP'));
  assert.match(pids[2] ?? '', /^\d+$/);
  assert.ok(existsSync(`/proc/${pids[2]}`));
  assert.deepEqual([pids[0], pids[1], pids[3]], ['', '', '']);
  assert.match(rows[3] ?? '', /sh -c a rather long command l…/);
  assert.match(rows[2] ?? '', /20\d\d-\d\d-\d\d \d\d:\d\d:\d\d +busybox/);
  assert.equal(rows[0]?.slice(0, 12), ids.fourth?.slice(0, 12));
});

test('ps -q prints short ids, --no-trunc whole ones and whole commands; -a changes nothing', async () => {
  const all = [ids.fourth, ids.third, ids.second, ids.first];
  assert.deepEqual(
    (await ps('-q')).split('\n'),
    all.map((id) => id?.slice(0, 12)),
  );
  assert.deepEqual((await ps('-q', '--no-trunc')).split('\n'), all);
  assert.match(await ps('--no-trunc'), /line, which is cut/);
  assert.equal(await ps('-aq'), await ps('-q'));
});

test('ps -n N and -l: the newest', async () => {
  assert.deepEqual(await names('-n', '2'), ['fourth', 'third']);
  assert.deepEqual(await names('--last=1'), ['fourth']);
  assert.deepEqual(await names('-l'), ['fourth']);
});

test('ps --filter: status, name, id, label, exited, ancestor; alternatives of one key, all of different keys', async () => {
  assert.deepEqual(await names('--filter', 'status=running'), ['second']);
  assert.deepEqual(await names('-f', 'status=stopped'), ['fourth', 'third']);
  assert.deepEqual(await names('-f', 'status=exited'), ['fourth', 'third']);
  assert.deepEqual(await names('-f', 'status=created', '-f', 'status=running'), ['second', 'first']);
  assert.deepEqual(await names('-f', 'name=ir'), ['third', 'first']);
  assert.deepEqual(await names('-f', `id=${ids.third?.slice(0, 10)}`), ['third']);
  assert.deepEqual(await names('-f', 'label=app'), ['fourth', 'second', 'first']);
  assert.deepEqual(await names('-f', 'label=app=web'), ['fourth', 'first']);
  assert.deepEqual(await names('-f', 'label=app=web', '-f', 'label=tier'), ['first']);
  assert.deepEqual(await names('-f', 'exited=3'), ['third']);
  assert.equal((await names('-f', 'ancestor=busybox')).length, 4);
  assert.deepEqual(await names('-f', 'ancestor=other'), []);
  assert.deepEqual(await names('-f', 'label=app=web', '-f', 'status=stopped'), ['fourth']);
});

test('ps --filter: a key or value that does not exist is an error in one line', async () => {
  assert.match(await host.fails(125, 'ps', '-f', 'colour=red'), /colour/);
  assert.match(await host.fails(125, 'ps', '-f', 'status=asleep'), /asleep/);
  assert.match(await host.fails(125, 'ps', '-f', 'running'), /running/);
});

test('ps --format json: one object a line, with Docker’s names', async () => {
  const rows = (await ps('--format', 'json', '--no-trunc')).split('\n').map((line) => JSON.parse(line));
  assert.equal(rows.length, 4);
  const [fourth, , second] = rows;
  assert.equal(fourth.ID, ids.fourth);
  assert.equal(fourth.Names, 'fourth');
  assert.equal(fourth.Status, 'stopped');
  assert.equal(fourth.ExitCode, 0);
  assert.equal(fourth.Labels, 'app=web');
  assert.equal(second.Image, 'busybox');
  assert.equal(second.Command, 'sleep 1000');
  assert.equal(typeof second.Pid, 'number');
});

test('ps --format templates: fields, tabs, labels, json, tables', async () => {
  const only = ['-f', 'name=second'];
  assert.equal(await ps(...only, '--format', '{{.ID}}'), ids.second?.slice(0, 12));
  assert.equal(await ps(...only, '--format', '{{.Names}}\\t{{.Status}}'), 'second\trunning');
  assert.equal(await ps(...only, '--format', '{{.Label "app"}}-{{.Image}}'), 'db-busybox');
  assert.equal(JSON.parse(await ps(...only, '--format', '{{json .}}')).Names, 'second');
  assert.equal(await ps(...only, '--format', '{{json .Names}}'), '"second"');
  assert.match(
    await ps(...only, '--format', 'table {{.Names}}\\t{{.Status}}'),
    /^NAMES +STATUS\nsecond +running$/,
  );
  assert.match(await host.fails(125, 'ps', '--format', '{{block .}}x{{end}}'), /block/);
  assert.match(await host.fails(125, 'ps', '--format', '{{.Nope}}'), /Nope/);
});

test('container ls and container ps are the same command', async () => {
  assert.equal(await host.ok('container', 'ls', '-q'), await ps('-q'));
});

test('ps after rm does not show it', async () => {
  await host.ok('rm', '-f', 'first', 'second', 'third', 'fourth');
  assert.equal(await ps('-q'), '');
});
