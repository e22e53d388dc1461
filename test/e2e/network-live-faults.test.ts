/** Changes of running containers that fail, or are killed, in the middle: all is as before, or as it should be after. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { afterEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { EXECUTABLE, until } from './harness.ts';
import { HOST_IP, NetHost, WGET, webServer } from './network-host.ts';
import { shims, stateOf } from './state.ts';

const host = new NetHost();
afterEach(async () => {
  const ids = (await host.ok('ps', '-q')).split('\n').filter(Boolean);
  if (ids.length > 0) await host.ok('rm', '-f', ...ids);
  await host.ok('network', 'prune', '-f');
});

/** A web server in front, published; `peer` in both networks. */
async function set(): Promise<void> {
  await host.ok('network', 'create', '--subnet', '10.50.0.0/24', 'front');
  await host.ok('network', 'create', '--subnet', '10.51.0.0/24', 'back');
  await host.ok(
    'run',
    '-d',
    '--name',
    'peer',
    '--network',
    'front',
    '--network',
    'back',
    'busybox',
    'sleep',
    '600',
  );
  const where = ['--network', 'front', '-p', '8080:80'];
  await host.ok('run', '-d', '--name', 'web', ...where, 'busybox', ...webServer('found'));
  await until('it serves', async () =>
    (await host.within('web', 'ss', '-Htln', 'sport = :80')).stdout.includes('LISTEN'),
  );
}

/** All that a container's networks are: inside, on the host, for others, and on the disk. */
async function picture(container: string): Promise<string[]> {
  const inside = await host.ok(
    'exec',
    container,
    'sh',
    '-c',
    'ip -o addr | grep -v inet6.fe80; ip route; cat /etc/hosts',
  );
  const links = inside.replace(/@if\d+/g, '').replace(/(^|\n)\d+: /g, '$1');
  const traces = (await host.traces()).sort();
  return [links, ...traces, ...stateOf(host.root)];
}

const pings = async (name: string) =>
  (await host.run(['exec', 'peer', 'timeout', '4', 'ping', '-c1', '-W2', name])).code === 0;

const CHANGES: ReadonlyArray<readonly [what: string, ready: string[][], change: string[], least: number]> = [
  ['connect', [], ['network', 'connect', '--alias', 'shop', 'back', 'web'], 10],
  ['disconnect', [['network', 'connect', 'back', 'web']], ['network', 'disconnect', 'back', 'web'], 8],
  [
    'disconnect from where its ports lead',
    [['network', 'connect', 'back', 'web']],
    ['network', 'disconnect', 'front', 'web'],
    9,
  ],
  ['disconnect from the last', [], ['network', 'disconnect', 'front', 'web'], 7],
  [
    'update --publish-add and --publish-rm',
    [],
    ['update', '--publish-add', '8081:80', '--publish-rm', '8080:80', 'web'],
    5,
  ],
  ['rename', [], ['rename', 'web', 'other'], 6],
];

for (const [what, ready, change, least] of CHANGES) {
  test(`a fault at every step of ${what}: everything is as before, and the next try works`, async () => {
    await set();
    for (const words of ready) await host.ok(...words);
    const before = await picture('web');
    let step = 1;
    for (; ; step++) {
      const { code, stderr } = await host.run(change, { env: { MYDOCKER_FAIL_STEP: String(step) } });
      if (code === 0) break;
      assert.match(stderr, new RegExp(`^mydocker: cannot [^\n]*: step ${step}, [^\n]*EIO[^\n]*\n$`));
      assert.deepEqual(await picture('web'), before, `step ${step}`);
    }
    assert.ok(step > least, `${step} steps`);
    const name = what === 'rename' ? 'other' : 'web';
    // A name that nobody has is asked of the host's resolvers, who may take longer than this waits.
    if (what.endsWith('last')) assert.equal(await pings(name), false);
    else await until(`peer pings ${name}`, () => pings(name));
  });
}

/** Killed with all its children after some milliseconds; false when it was done before. */
async function killed(words: readonly string[], ms: number): Promise<boolean> {
  const env = { PATH: process.env.PATH ?? '', MYDOCKER_ROOT: host.root, MYDOCKER_DEFAULT_NETWORK: 'bridge' };
  const child = spawn('nsenter', [`--net=${host.namespace}`, EXECUTABLE, ...words], {
    detached: true,
    stdio: 'ignore',
    env,
  });
  const ended = new Promise<boolean>((resolve) =>
    child.once('exit', (_, signal) => resolve(signal === 'SIGKILL')),
  );
  await sleep(ms);
  try {
    process.kill(-(child.pid ?? 0), 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
  return ended;
}

/** What `inspect` says is what there is. */
async function agrees(round: string): Promise<void> {
  await host.ok('ps');
  const [details] = JSON.parse(await host.ok('inspect', 'web')) as [
    {
      NetworkSettings: {
        Networks: Record<string, { IPAddress: string }>;
        Ports: Record<string, Array<{ HostPort: string }>>;
      };
    },
  ];
  const said = Object.values(details.NetworkSettings.Networks).map(({ IPAddress }) => IPAddress);
  const inside = (await host.ok('exec', 'web', 'ip', '-o', '-4', 'addr')).matchAll(/eth\d+ +inet ([\d.]+)/g);
  assert.deepEqual([...inside].map(([, ip]) => ip).sort(), said.sort(), round);
  const links = (await host.inside('ip', '-o', 'link')).stdout.match(/\bmd[0-9a-f]{10}-\d+/g) ?? [];
  assert.equal(links.length, said.length + 2, `${round}: cables, two of them of peer`);
  for (const [network, ip] of [
    ['front', '10.50.0.2'],
    ['back', '10.51.0.2'],
  ] as const) {
    const leases = (await host.inside('ls', `${host.root}/networks/${network}/leases`)).stdout
      .split('\n')
      .filter(Boolean);
    const own = said.filter((address) => address.startsWith(ip.slice(0, 6)));
    assert.deepEqual(leases.sort(), [ip, ...own].sort(), `${round}: addresses in ${network}`);
    await until(`${round}: peer finds ${own.join()}`, async () => {
      const found = (await host.run(['exec', 'peer', 'timeout', '2', 'nslookup', 'web'])).stdout;
      return own.every((address) => found.includes(address));
    });
  }
  const ports = Object.values(details.NetworkSettings.Ports)
    .flat()
    .map(({ HostPort }) => HostPort);
  for (const port of ['8080', '8081']) {
    const got = async () =>
      (await host.outside(WGET[0], '-qO-', '-T2', '-t1', `http://${HOST_IP}:${port}/`)).stdout.trim();
    const what = `${round}: port ${port} of ${ports.join()}`;
    if (said.length > 0 && ports.includes(port)) await until(what, async () => (await got()) === 'found');
    else assert.equal(await got(), '', what);
  }
}

test('killed with SIGKILL anywhere in connect, disconnect, update: the next command makes it whole', async () => {
  await set();
  const round = [
    ['network', 'connect', 'back', 'web'],
    ['update', '--publish-add', '8081:80', '--publish-rm', '8080:80', 'web'],
    ['network', 'disconnect', 'back', 'web'],
    ['update', '--publish-add', '8080:80', '--publish-rm', '8081:80', 'web'],
  ];
  // How long they take is the machine's affair: each is killed at shares of its own time.
  for (const words of round) await host.ok(...words);
  const took: number[] = [];
  for (const words of round) {
    const began = performance.now();
    await host.ok(...words);
    took.push(performance.now() - began);
  }
  // One that was undone leaves the next of its kind nothing to do.
  const kills: Record<string, number> = {};
  const isEnough = () => ['network', 'update'].every((kind) => (kills[kind] ?? 0) > 2);
  // Where the machine is less loaded than it was above, all of these come too late; the others are for that.
  for (const share of [0.25, 0.4, 0.5, 0.6, 0.7, 0.8, 0.95, ...[8, 16, 32, 64, 128].map((n) => 1 / n)]) {
    if (share < 0.25 && isEnough()) break;
    for (const [i, words] of round.entries()) {
      const ms = Math.round(share * (took[i] ?? 0));
      const kind = words[0] ?? '';
      if (await killed(words, ms)) kills[kind] = (kills[kind] ?? 0) + 1;
      await agrees(`${words.join(' ')} after ${ms} ms`);
    }
  }
  for (const kind of ['network', 'update'])
    assert.ok((kills[kind] ?? 0) > 2, `${kind}: ${kills[kind]} were killed in time`);
});

test('the container ends while it is being changed: nothing of either is left', async () => {
  await set();
  for (const ms of [0, 20, 40, 60, 80, 100]) {
    const change = host.run(['network', 'connect', 'back', 'web']);
    const publish = host.run(['update', '--publish-add', '8081:80', 'web']);
    await sleep(ms);
    await host.ok('kill', 'web');
    for (const { code, stderr } of [await change, await publish]) assert.equal(code, 0, stderr);
    await until('its monitor has ended', () => shims(host.root).length === 1);
    const left = (await host.traces()).filter((line) => /any4|self4|808\d/.test(line));
    assert.deepEqual(left, [], `after ${ms} ms`);
    assert.notEqual(
      (await host.run(['exec', 'peer', 'timeout', '2', 'nslookup', 'web'])).code,
      0,
      'its names are gone',
    );
    await host.ok('start', 'web');
    await until('peer pings web', () => pings('web'));
    await host.ok('network', 'disconnect', 'back', 'web');
    await host.ok('update', '--publish-rm', '8081:80', 'web');
  }
});
