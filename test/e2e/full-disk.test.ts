/** Containers that fill the disk their engine's root lies on: how they ended and what they wrote is kept. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { command, EXECUTABLE, Host, until } from './harness.ts';
import { runState } from './state.ts';

const directory = mkdtempSync('/var/tmp/mydocker-small-');
// Programs wait for files in it.
const gate = mkdtempSync('/var/tmp/mydocker-gate-');
after(() => {
  for (const path of [directory, gate]) rmSync(path, { recursive: true });
});

/** A shell script with a root of 60 MB of its own, which is gone with it. */
function onSmallDisk(script: string) {
  const text = [
    'set -e',
    `mount -t tmpfs -o size=60m none ${directory}`,
    `export MYDOCKER_ROOT=${directory}/root`,
    `m() { '${EXECUTABLE}' "$@"; }`,
    script,
  ];
  return command('unshare', ['-m', 'sh', '-c', text.join('\n')]);
}

test('a disk that is full when the program ends: its code is kept, its files are kept, and rm works', async () => {
  const program =
    'echo precious > /data; until [ -e /gate/fill ]; do sleep 0.05; done; dd if=/dev/zero of=/big bs=1M 2>/dev/null; exit 3';
  const result = await onSmallDisk(`
    m run -d --name keep -v ${gate}:/gate busybox sh -c '${program}' > /dev/null
    touch ${gate}/fill
    echo "wait $(m wait keep)"
    m ps > /dev/null; m ps > /dev/null
    echo "ps $(m ps --format '{{.Names}} {{.State}}')"
    echo "wait $(m wait keep)"
    id=$(m inspect -f '{{.Id}}' keep)
    cat $MYDOCKER_ROOT/containers/$id/upper/data
    m rm keep > /dev/null
    ls -A $MYDOCKER_ROOT/containers $MYDOCKER_ROOT/run $MYDOCKER_ROOT/names | grep -v :`);
  assert.equal(result.stdout.trim(), 'wait 3\nps keep stopped\nwait 3\nprecious', result.stderr);
});

test('a monitor that is killed while the disk is full: that is written too', async () => {
  const program = 'dd if=/dev/zero of=/big bs=1M 2>/dev/null; exec sleep 600';
  const result = await onSmallDisk(`
    m run -d --name keep busybox sh -c '${program}' > /dev/null
    pid=$(m inspect -f '{{.State.Pid}}' keep)
    until grep -q sleep /proc/$pid/cmdline; do sleep 0.05; done
    dd if=/dev/zero of=${directory}/rest bs=4k 2>/dev/null || true
    kill -9 $(sed 's/.*"monitorPid":\\([0-9]*\\).*/\\1/' $MYDOCKER_ROOT/run/*/state.json)
    while kill -0 $pid 2>/dev/null; do sleep 0.05; done
    m ps --format '{{.Names}} {{.State}}'
    m wait keep
    m rm keep`);
  assert.equal(result.stdout, 'keep stopped\n137\nkeep\n', result.stderr);
});

const host = new Host();

test('an end that cannot be written at all is found in the run directory, and the container is not dropped', async () => {
  const program = 'until [ -e /gate/end ]; do sleep 0.05; done; exit 7';
  const bind = ['-v', `${gate}:/gate`];
  const id = await host.ok('run', '-d', '--name', 'odd', ...bind, 'busybox', 'sh', '-c', program);
  const inTheWay = `${host.root}/containers/${id}/exit.json`;
  mkdirSync(inTheWay);
  writeFileSync(`${inTheWay}/x`, '');
  const { monitorPid } = runState(host.root, id);
  const sockets = async (): Promise<readonly string[]> =>
    (await command('ls', ['-l', `/proc/${monitorPid}/fd`])).stdout.match(/socket:\[\d+\]/g) ?? [];
  const before = await sockets();
  const waited = host.ok('wait', id);
  // Only the monitor knows the end: whoever comes later finds the directory in the way.
  await until('the monitor has a new client', async () =>
    (await sockets()).some((socket) => !before.includes(socket)),
  );
  writeFileSync(`${gate}/end`, '');
  assert.equal(await waited, '7');
  // And nobody is kept from going on by it.
  assert.equal(await host.ok('ps', '--format', '{{.Names}} {{.State}}'), 'odd stopped');
  assert.equal(await host.ok('wait', id), '7');
  await host.ok('rm', id);
});
