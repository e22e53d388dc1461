/** Every step of a networked start fails once, and programs are killed in the middle: nothing of it stays. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { EXECUTABLE, until } from './harness.ts';
import { NetHost } from './network-host.ts';
import { random, seed } from './random.ts';
import { shims, stateOf } from './state.ts';

const lanes = [new NetHost(), new NetHost()];
const NETWORKS = ['--network', 'blue', '--network', 'red', '--network-alias', 'nest'];
const PORTS = ['-p', '8080:80', '-p', '8080-8089:80-89/udp', '-p', '127.0.0.1:8090:80'];
const RUN = [...NETWORKS, ...PORTS, '--name', 'bird', 'busybox', 'sleep', '600'];

interface Explained {
  op: string;
  why: string;
}

before(() =>
  Promise.all(
    lanes.map(async (host) => {
      await host.network('blue', { ipv6: true });
      await host.network('red');
      // The bridges stay, as they do for others in the network.
      await host.ok('run', '--rm', ...NETWORKS, ...PORTS, 'busybox', 'true');
    }),
  ),
);

async function explain(host: NetHost, ...words: string[]): Promise<Explained[]> {
  return (JSON.parse(await host.ok('explain', '--json', 'run', ...words)) as { steps: Explained[] }).steps;
}

/** Steps of networks, and those between which they stand. faults.test.ts walks the others. */
const OURS = [
  'own',
  'symlink',
  'netlink-send',
  'netlink-check',
  'hold-port',
  'forget-flows',
  'name-link',
  'clone',
  'barrier',
  'exec',
];

/** Both lanes walk these steps between them; after each fault files, processes, links, map elements and sockets are as before. */
async function walk(steps: readonly Explained[], words: readonly string[]): Promise<void> {
  const left = steps.flatMap(({ op }, i) => (OURS.includes(op) ? [i + 1] : []));
  assert.ok(left.length > 30, `${left.length} steps`);
  await Promise.all(
    lanes.map(async (host) => {
      const state = stateOf(host.root);
      const traces = await host.traces();
      for (let n = left.shift(); n !== undefined; n = left.shift()) {
        const { code, stderr } = await host.run(words, { env: { MYDOCKER_FAIL_STEP: String(n) } });
        assert.match(stderr, new RegExp(`^mydocker: cannot start bird: step ${n}, [^\n]*EIO[^\n]*\n$`));
        assert.ok(code === 125 || code === 126, `step ${n}: exit ${code}`);
        await until('its shim has ended', () => shims(host.root).length === 0);
        assert.deepEqual(stateOf(host.root), state, `after a fault at step ${n} files are as before`);
        assert.deepEqual(await host.traces(), traces, `after a fault at step ${n} the network is as before`);
      }
    }),
  );
}

for (const how of ['-d', '--rm'] as const) {
  test(`a fault at every step of a networked run ${how} leaves no veth, address, name, map element or port`, async () => {
    const [host] = lanes;
    assert.ok(host !== undefined);
    const steps = await explain(host, how, ...RUN);
    for (const op of ['netlink-send', 'hold-port', 'name-link'])
      assert.ok(
        steps.some((step) => step.op === op),
        op,
      );
    await walk(steps, ['run', how, ...RUN]);
    const past = { env: { MYDOCKER_FAIL_STEP: String(steps.length + 1) } };
    const { code, stderr } = await host.run(['run', '-d', ...RUN], past);
    assert.equal(code, 0, `it still starts: ${stderr}`);
    await host.ok('rm', '-f', 'bird');
  });
}

test('a fault at every step of start leaves the stopped container its addresses, and no more', async () => {
  for (const host of lanes) {
    await host.ok('run', '-d', ...RUN);
    await host.ok('stop', '-t', '0', 'bird');
  }
  const [host] = lanes;
  assert.ok(host !== undefined);
  const other = RUN.map((word) => (word === 'bird' ? 'other' : word));
  await walk(await explain(host, '-d', ...other), ['start', 'bird']);
  for (const lane of lanes) {
    await lane.ok('start', 'bird');
    await lane.ok('rm', '-f', 'bird');
  }
});

test('a fault while a network is made for its first container: the next start makes the rest', async () => {
  const [host] = lanes;
  assert.ok(host !== undefined);
  const down = async () => {
    const table = (await host.inside('nft', 'list', 'tables')).stdout.trim();
    for (const line of table.split('\n')) await host.inside('nft', ...['delete', ...line.split(' ')]);
    const links = (await host.inside('ip', '-o', 'link')).stdout.match(/\bmd-[0-9a-f]+/g) ?? [];
    for (const link of links) await host.inside('ip', 'link', 'del', link);
  };
  await down();
  const steps = await explain(host, '-d', ...RUN);
  const first = steps.findIndex((step) => step.op === 'netlink-send');
  const last = steps.findIndex((step) => step.op === 'hold-port');
  assert.ok(last - first > 8, `${last - first} steps`);
  for (let n = first + 1; n <= last + 1; n++) {
    await down();
    const { stderr } = await host.run(['run', '-d', ...RUN], { env: { MYDOCKER_FAIL_STEP: String(n) } });
    assert.match(stderr, new RegExp(`^mydocker: cannot start bird: step ${n}, [^\n]*EIO`));
    await until('its shim has ended', () => shims(host.root).length === 0);
    assert.deepEqual(
      (await host.traces()).filter((line) => !line.includes('wire')),
      [],
    );
    await host.ok('run', '--rm', ...NETWORKS, ...PORTS, 'busybox', 'true');
  }
});

/** A start whose caller died is given this long to come up (START_GRACE_MS of src/engine/status.ts), and a bit. */
const GRACE_MS = 5200;

test(`kill -9 of the command or the monitor at random moments of a networked run (seed ${seed}): all is free afterwards`, async () => {
  await Promise.all(
    lanes.map(async (host, lane) => {
      const traces = await host.traces();
      for (let i = 0; i < 8; i++) {
        const args = [`--net=${host.namespace}`, EXECUTABLE, 'run', '-d', ...RUN];
        const env = { PATH: process.env.PATH, MYDOCKER_ROOT: host.root };
        const child = spawn('nsenter', args, { stdio: 'ignore', env });
        const ended = new Promise((resolve) => child.once('exit', resolve));
        await sleep(random(120));
        if ((i + lane) % 2 === 0) child.kill('SIGKILL');
        else for (const pid of shims(host.root)) kill(pid);
        await ended;
        if (i % 4 === 3) await sleep(GRACE_MS);
        await host.ok('ps', '-a');
        const left = await host.ok('ps', '-aq');
        if (left !== '') await host.ok('rm', '-f', ...left.split('\n'));
      }
      await sleep(GRACE_MS);
      await host.ok('ps', '-a');
      assert.equal(await host.ok('ps', '-aq'), '');
      let now: string[] = [];
      await until('its interfaces are gone', async () => {
        now = await host.traces();
        return now.length <= traces.length;
      });
      assert.deepEqual(now, traces);
      await host.ok('run', '-d', ...RUN);
      await host.ok('rm', '-f', 'bird');
    }),
  );
});

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
