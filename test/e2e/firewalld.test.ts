/**
 * Beside firewalld, the real one with the D-Bus it needs. They are installed into overlays over /usr, /etc and /var in a mount
 * namespace of their own, and run in the network namespace of the test: this machine gets neither.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { after, test } from 'node:test';
import { keepsOut, works } from './beside.ts';
import { command, type Result, until } from './harness.ts';
import { ask, both, echo, HOST_IP, NetHost, OTHER_IP, twice } from './network-host.ts';

const host = new NetHost();
const directory = mkdtempSync('/var/tmp/mydocker-firewalld-');
after(() => rmdirSync(directory));

const INSTALL = 'apt-get install -y -qq --no-install-recommends firewalld dbus python3-nftables';
const SETUP = `
set -e
exec 9< $1 # it lies in /run
mount -t tmpfs none ${directory}
cd ${directory}
for at in usr etc var; do
  mkdir upper-$at work-$at
  mount -t overlay overlay -o lowerdir=/$at,upperdir=${directory}/upper-$at,workdir=${directory}/work-$at /$at
done
mount -t tmpfs none /run
mkdir -p /run/lock /run/dbus
printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d
chmod +x /usr/sbin/policy-rc.d
echo apart
export DEBIAN_FRONTEND=noninteractive
(${INSTALL} || { apt-get update -qq; ${INSTALL}; }) >&2
dbus-daemon --system --fork
echo installed
exec nsenter --net=/proc/self/fd/9 firewalld --nofork --nopid
`;

test('beside firewalld: the way out, published ports and names work; what its reload takes away, the next command brings back', async (t) => {
  const child = spawn(
    'unshare',
    ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-c', SETUP, 'sh', host.namespace],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (part: Buffer) => (said += part.toString()));
  let hasEnded = false;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  void ended.then(() => {
    hasEnded = true;
  });
  after(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const isSaid = (word: string): boolean => new RegExp(`^${word}$`, 'm').test(said);
  await until('it is apart from this machine', () => isSaid('apart') || hasEnded);
  assert.ok(isSaid('apart'), said);
  await until('it is installed', () => isSaid('installed') || hasEnded, 180_000).catch(() => undefined);
  if (!isSaid('installed')) {
    t.skip(`firewalld cannot be installed here: ${said.trim().split('\n').at(-1)}`);
    return;
  }
  const pid = `/proc/${child.pid}/ns/pid_for_children`;
  const inside = (...words: string[]): Promise<Result> =>
    command('nsenter', [`--pid=${pid}`, '--mount', `--target=${child.pid}`, ...words]);
  await until(
    'firewalld runs',
    async () => (await inside('firewall-cmd', '--state')).stdout.trim() === 'running',
    60_000,
  );

  await keepsOut(host, 'firewalld');
  await host.ok('network', 'create', 'front');
  await works(host, 'web', 'front', 8105);
  const asked = await host.ok('run', '--rm', '--network', 'front', 'busybox', 'ping', '-c1', '-W5', 'web');
  assert.match(asked, /1 packets received/);

  const reloaded = await inside('firewall-cmd', '--reload');
  assert.equal(reloaded.code, 0, reloaded.stderr);
  await host.ok('network', 'reload');
  const server = await echo(host.other, OTHER_IP, 7002);
  const namespace = await host.namespaceOf('web');
  assert.deepEqual(
    await ask(namespace, both(7002, OTHER_IP), 5),
    twice(HOST_IP),
    'the way out, after a reload',
  );
  assert.deepEqual(
    await ask(host.other, both(8105, HOST_IP), 5),
    twice(OTHER_IP),
    'the port, after a reload',
  );
  await server.stop();
  await host.ok('rm', '-f', 'web');
  await host.ok('network', 'rm', 'front');
  const left = (await host.inside('nft', 'list', 'table', 'inet', 'firewalld')).stdout;
  assert.ok(
    left.includes('filter_FORWARD') && !left.includes('mydocker-'),
    'nothing of ours is left in its table',
  );
});
