/** Commands at the same time on the same container: one after the other, or an error; never a container without a record. */
import assert from 'node:assert/strict';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { memoryLimit } from './cgroup.ts';
import { Host, processes, until } from './harness.ts';
import { random, seed } from './random.ts';
import { shims } from './state.ts';

const host = new Host();
const runDir = (id: string): string => `${host.root}/run/${id}`;

/** What a command writes that is busy with a container: here this very process, which lives. */
function ownMark(): string {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  return `${process.pid}-${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
}

async function killMonitor(id: string): Promise<void> {
  const { pid, monitorPid } = JSON.parse(readFileSync(`${runDir(id)}/state.json`, 'utf8')) as {
    pid: number;
    monitorPid: number;
  };
  process.kill(monitorPid, 'SIGKILL');
  const alive = (n: number): boolean =>
    existsSync(`/proc/${n}/stat`) && !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${n}/stat`, 'latin1'));
  await until('both are gone', () => !alive(pid) && !alive(monitorPid));
}

/** True when the promise is not settled within the time. */
function stillWaits(promise: Promise<unknown>, ms = 400): Promise<boolean> {
  return Promise.race([promise.then(() => false), sleep(ms, true)]);
}

test('rm waits while the container is being started; then it refuses what runs', async () => {
  const id = await host.ok('create', 'busybox', 'true');
  mkdirSync(runDir(id));
  symlinkSync(ownMark(), `${runDir(id)}/owner`);
  writeFileSync(`${runDir(id)}/plan`, '');
  const removal = host.run(['rm', id]);
  assert.ok(await stillWaits(removal), 'it waits');
  assert.ok(existsSync(`${host.root}/containers/${id}/container.json`), 'and removes nothing');
  rmSync(runDir(id), { recursive: true });
  assert.equal((await removal).code, 0);
  assert.equal(existsSync(`${host.root}/containers/${id}`), false);
});

test('start waits while the container is being removed, and says so', async () => {
  const id = await host.ok('create', '--name', 'going', 'busybox', 'sleep', '600');
  symlinkSync(ownMark(), runDir(id));
  const start = host.run(['start', id]);
  assert.ok(await stillWaits(start), 'it waits');
  rmSync(runDir(id));
  assert.equal((await start).code, 0, 'the removal was given up: it starts');
  await host.ok('rm', '-f', id);
  const again = await host.ok('create', '--name', 'going', 'busybox', 'sleep', '600');
  symlinkSync('1-1', runDir(again));
  assert.equal(await host.ok('start', 'going'), 'going', 'whoever removed it was killed');
  await host.ok('rm', '-f', 'going');
});

test('start and rm at the same time: it is gone, or it runs and has its record', async () => {
  for (let i = 0; i < 25; i++) {
    const id = await host.ok('create', 'busybox', 'sleep', '611');
    const start = host.run(['start', id]);
    await sleep(random(30));
    const removal = await host.run(['rm', id]);
    const started = await start;
    const where = `round ${i}, seed ${seed}: ${started.stderr}${removal.stderr}`;
    assert.match(`${started.stderr}${removal.stderr}`, /^(mydocker: [^\n]*\n)?$/, where);
    if (removal.code === 0) {
      assert.equal(started.code, 1, where);
      assert.equal(existsSync(`${host.root}/containers/${id}`), false, where);
      await until(`its monitor has ended, ${where}`, () => shims(host.root).length === 0);
      assert.deepEqual(processes('sleep\x00611'), [], where);
    } else {
      assert.equal(started.code, 0, where);
      assert.equal(await host.ok('inspect', '-f', '{{.State.Status}}', id), 'running', where);
      await host.ok('rm', '-f', id);
    }
  }
});

test('start waits until what a dead monitor left is undone', async () => {
  const id = await host.ok('run', '-d', 'busybox', 'sleep', '600');
  await killMonitor(id);
  symlinkSync(ownMark(), `${runDir(id)}/burier`);
  const start = host.run(['start', id]);
  assert.ok(await stillWaits(start), 'it waits');
  rmSync(`${runDir(id)}/burier`);
  assert.equal((await start).code, 0);
  assert.equal(await host.ok('inspect', '-f', '{{.State.Status}}', id), 'running');
  await killMonitor(id);
  symlinkSync('1-1', `${runDir(id)}/burier`);
  await host.ok('start', id);
  await host.ok('rm', '-f', id);
});

test('many starts and ps after a dead monitor: it runs once, and nobody kills the new one', async () => {
  const id = await host.ok('run', '-d', 'busybox', 'sleep', '612');
  for (let i = 0; i < 12; i++) {
    await killMonitor(id);
    const commands = ['start', 'ps', 'start', 'inspect', 'start', 'ps'].map((verb) =>
      host.run(verb === 'ps' ? ['ps'] : [verb, id]),
    );
    for (const { code, stderr } of await Promise.all(commands))
      assert.equal(code, 0, `round ${i}: ${stderr}`);
    assert.equal(processes('sleep\x00612').length, 1, `round ${i}`);
    assert.equal(await host.ok('inspect', '-f', '{{.State.Status}}', id), 'running', `round ${i}`);
  }
  await host.ok('rm', '-f', id);
});

test('a monitor whose connections are all taken: stop, kill and rm -f come through once some are free', async () => {
  for (const args of [
    ['stop', '-t', '1', 'full'],
    ['kill', 'full'],
    ['rm', '-f', 'full'],
    ['wait', 'full'],
  ]) {
    const id = await host.ok('run', '-d', '--name', 'full', 'busybox', 'sleep', '613');
    const directory = openSync(runDir(id), 'r');
    let connected = 0;
    // Through its descriptor: sun_path of unix(7) holds 107 bytes.
    const idle = Array.from({ length: 40 }, () => connect(`/proc/self/fd/${directory}/attach.sock`));
    for (const socket of idle) socket.on('error', () => {}).on('connect', () => connected++);
    await until('all are connected', () => connected === 40);
    closeSync(directory);
    await sleep(50);
    const result = host.run(args);
    await sleep(300);
    for (const socket of idle) socket.destroy();
    if (args[0] === 'wait') {
      assert.ok(await stillWaits(result), 'it waits for the end, not for the connection');
      await host.ok('kill', 'full');
      assert.equal((await result).stdout, '137\n');
    }
    const { code, stderr } = await result;
    assert.equal(code, 0, stderr);
    assert.deepEqual(processes('sleep\x00613'), [], args.join(' '));
    assert.equal(existsSync(`${host.root}/containers/${id}`), args[0] !== 'rm');
    if (args[0] !== 'rm') await host.ok('rm', 'full');
  }
});

test('a name of a container that is gone is taken over by one of many, while ps clears names', async () => {
  for (let i = 0; i < 8; i++) {
    symlinkSync('f'.repeat(64), `${host.root}/names/wanted`);
    const all = await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        host.run(n % 4 === 3 ? ['ps', '-q'] : ['create', '--name', 'wanted', 'busybox', 'true']),
      ),
    );
    const created = all.filter(({ code, stdout }, n) => n % 4 !== 3 && code === 0 && stdout.length === 65);
    assert.equal(created.length, 1, `round ${i}: ${all.map(({ stderr }) => stderr).join('')}`);
    assert.equal(readlinkSync(`${host.root}/names/wanted`), created[0]?.stdout.trim());
    await host.ok('rm', 'wanted');
  }
});

test('a container of --rm that ends leaves a name alone that is somebody else’s by now', async () => {
  const id = await host.ok('run', '-d', '--rm', '--name', 'mine', 'busybox', 'sleep', '600');
  rmSync(`${host.root}/names/mine`);
  const other = await host.ok('create', '--name', 'mine', 'busybox', 'true');
  await host.ok('kill', id);
  assert.equal(readlinkSync(`${host.root}/names/mine`), other);
  await host.ok('rm', 'mine');
});

test('a change that comes while a start waits for its turn holds in that start', async () => {
  await host.ok('create', '--name', 'turn', '-m', '64m', '--network', 'none', 'busybox', 'sleep', '1000');
  const id = await host.ok('inspect', '-f', '{{.Id}}', 'turn');
  const [place, file] = [`${host.root}/run/${id}`, `${host.root}/containers/${id}/container.json`];
  // Somebody who lives has it: this process, as an \`update\` has it.
  symlinkSync(ownMark(), place);
  const starting = host.ok('start', 'turn');
  const planned = (): boolean =>
    readdirSync(`${host.root}/run`).some((name) => existsSync(`${host.root}/run/${name}/plan`));
  await until('the start has its plan', planned);
  const record = JSON.parse(readFileSync(file, 'utf8')) as { resources: object };
  writeFileSync(`${file}.new`, JSON.stringify({ ...record, resources: { memoryBytes: 32 * 1048576 } }));
  renameSync(`${file}.new`, file);
  rmSync(place);
  await starting;
  assert.equal(memoryLimit(id), '33554432');
  assert.deepEqual(
    readdirSync(`${host.root}/run`).filter((name) => name !== id),
    [],
  );
  await host.ok('rm', '-f', 'turn');
});

test('a rename after somebody was killed who held the container goes through', async () => {
  const id = await host.ok('create', '--name', 'held', '--network', 'none', 'busybox', 'true');
  // Longer than pid_max: nobody's.
  symlinkSync('99999999-1', runDir(id));
  await host.ok('rename', 'held', 'freed');
  assert.equal(existsSync(runDir(id)), false);
  await host.ok('rm', 'freed');
});

test('an update and a start at the same moment: the container runs with what its record says', async () => {
  for (let round = 0; round < 12; round++) {
    const rm = round % 2 === 0 ? ['--rm'] : [];
    await host.ok(
      'create',
      ...rm,
      '--name',
      'both',
      '-m',
      '64m',
      '--network',
      'none',
      'busybox',
      'sleep',
      '1000',
    );
    const change = async (): Promise<void> => {
      await sleep(round * 3);
      await host.ok('update', '-m', '48m', '--memory-swap', '96m', 'both');
    };
    await Promise.all([host.ok('start', 'both'), change()]);
    const id = await host.ok('inspect', '-f', '{{.Id}}', 'both');
    assert.equal(await host.ok('inspect', '-f', '{{.HostConfig.Memory}}', 'both'), '50331648');
    assert.equal(memoryLimit(id), '50331648', `round ${round}`);
    await host.ok('rm', '-f', 'both');
  }
});
