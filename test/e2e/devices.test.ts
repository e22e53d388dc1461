/** Which devices a container may use: the v1 controller says it, or on v2 a BPF program. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { type Plan, steps } from '../../src/plan/index.ts';
import { deviceFilter } from '../../src/runtime/bpf/device-filter.ts';
import { type OciDeviceRule, parseCgroupMounts } from '../../src/runtime/index.ts';
import { encodeLaunch, startShim } from '../../src/shim/index.ts';
import { command, Host } from './harness.ts';

const host = new Host();
const files = mkdtempSync('/var/tmp/mydocker-files-');
after(() => rmSync(files, { recursive: true }));
const shell = (script: string, ...flags: string[]) =>
  host.run(['run', '--rm', ...flags, 'busybox', 'sh', '-c', script]);

/** A block device of this machine: the one its tests' files lie on, else the first there is. */
function hostDisk(): [major: number, minor: number] {
  const { dev } = statSync(files);
  if (dev >> 8 !== 0) return [(dev >> 8) & 0xfff, (dev & 0xff) | ((dev >>> 12) & 0xfff00)];
  const line = readFileSync('/proc/partitions', 'utf8').split('\n')[2] ?? '';
  const [major = 0, minor = 0] = line.trim().split(/\s+/).map(Number);
  return [major, minor];
}

test('the devices of every container work, as root and as anybody', async () => {
  const script = [
    'echo gone >/dev/null && head -c 2 /dev/zero | wc -c && head -c 3 /dev/urandom | wc -c && head -c 3 /dev/random | wc -c',
    'echo x >/dev/full',
  ].join('; ');
  for (const flags of [[], ['-u', '1000']]) {
    const { stdout, stderr } = await shell(script, ...flags);
    assert.deepEqual(stdout.split('\n'), ['2', '3', '3', '']);
    assert.match(stderr, /No space left/);
  }
  const terminal = await command('script', [
    '-qec',
    `${process.cwd()}/dist/mydocker --root ${host.root} run --rm -it busybox sh -c "echo hi >/dev/tty; echo console >/dev/console"`,
    '/dev/null',
  ]);
  // script(1) types a NUL where its own input ends, and the terminal echoes that.
  assert.match(terminal.stdout, /hi\r?\n(\^@)*console/);
});

test('root may make any node, as under Docker, and open only the harmless ones', async () => {
  const [major, minor] = hostDisk();
  const made = await shell('mknod /null c 1 3 && echo x >/null && echo fine; ls -l /null');
  assert.match(made.stdout, /^fine\nc.* 1, +3 /);
  for (const node of [`b ${major} ${minor}`, 'c 1 1', 'c 10 200', 'c 108 0']) {
    const { stdout, stderr } = await shell(
      `mknod /node ${node} && echo made; head -c 1 /node; echo x >/node`,
    );
    assert.equal(stdout, 'made\n', node);
    assert.equal(stderr.match(/Operation not permitted/g)?.length, 2, `${node}: ${stderr}`);
  }
});

test('a program of exec has no more of them', async () => {
  const [major, minor] = hostDisk();
  await host.ok('run', '-d', '--name', 'box', 'busybox', 'sleep', '1000');
  await host.ok('exec', 'box', 'sh', '-c', `mknod /disk b ${major} ${minor}; echo x >/dev/null`);
  const { code, stderr } = await host.run(['exec', 'box', 'head', '-c', '1', '/disk']);
  assert.equal(code, 1);
  assert.match(stderr, /Operation not permitted/);
  await host.ok('rm', '-f', 'box');
});

test('a node that an image brings along is bound by the same rules', async () => {
  const [major, minor] = hostDisk();
  const tree = `${files}/tree`;
  mkdirSync(tree);
  const nodes = `mknod ${tree}/disk b ${major} ${minor} && mknod ${tree}/null c 1 3 && cp /bin/busybox ${tree}/sh`;
  assert.equal((await command('sh', ['-c', nodes])).code, 0);
  await host.ok('import', tree, 'nodes');
  const script = 'echo x >/null && echo fine; read x </disk';
  const { stdout, stderr } = await host.run(['run', '--rm', 'nodes', '/sh', '-c', script]);
  assert.equal(stdout, 'fine\n');
  assert.match(stderr, /Operation not permitted/);
});

test('a node in a directory of the host that is mounted in is bound by them too', async () => {
  const [major, minor] = hostDisk();
  mkdirSync(`${files}/dir`);
  writeFileSync(`${files}/dir/plain`, 'plain\n');
  assert.equal((await command('mknod', [`${files}/dir/disk`, 'b', String(major), String(minor)])).code, 0);
  const { stdout, stderr } = await shell('cat /d/plain; head -c 1 /d/disk', '-v', `${files}/dir:/d`);
  assert.equal(stdout, 'plain\n');
  assert.match(stderr, /Operation not permitted/);
});

test('the capabilities are Docker’s fourteen, CAP_MKNOD among them', async () => {
  const { stdout } = await shell('grep CapEff /proc/self/status');
  assert.match(stdout, /00000000a80425fb/);
});

test('the program of a v2 cgroup, by itself, whatever this host’s containers use', async (t) => {
  const { v2 } = parseCgroupMounts(readFileSync('/proc/self/mountinfo', 'utf8'));
  if (v2 === undefined) return t.skip('this host has no cgroup v2 tree');
  const cgroup = `${v2}/mydocker-test-${process.pid}`;
  const rules: OciDeviceRule[] = [
    { allow: false },
    { allow: true, type: 'c', major: 1, access: 'rw' },
    { allow: false, type: 'c', major: 1, minor: 5, access: 'w' },
    { allow: false, type: 'c', major: 1, minor: 7 },
  ];
  const plan: Plan = {
    steps: steps(
      'host',
      { op: 'mkdir', path: cgroup, mode: 0o755, why: 'for the test' },
      { op: 'bpf-device', path: cgroup, program: deviceFilter(rules), why: 'the thing tested' },
    ),
  };
  await host.ok('run', '--rm', 'busybox', 'true');
  assert.equal((await command('mknod', [`${files}/tty`, 'c', '4', '0'])).code, 0);
  try {
    const shim = startShim({
      root: host.root,
      mode: 'run',
      title: 'test',
      plan: encodeLaunch(plan, { detach: false, fault: undefined }),
    });
    assert.equal((await shim.done).failure, undefined);
    const tries = [
      'echo x >/dev/null',
      'read x </dev/null',
      'head -c 1 /dev/zero',
      'echo x >/dev/zero',
      'read x </dev/full',
      `read x <${files}/tty`,
    ];
    const script = `echo $$ >${cgroup}/cgroup.procs; ${tries.map((one) => `(${one}) >${files}/out 2>&1; grep -c permitted ${files}/out`).join('; ')}`;
    const { stdout } = await command('busybox', ['sh', '-c', script]);
    assert.deepEqual(stdout.trim().split('\n'), ['0', '0', '0', '1', '1', '1']);
  } finally {
    rmdirSync(cgroup);
  }
});
