/** What an OCI runtime is asked wrongly: one line, exit code 1, and everything as it was. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { type AnyConfig, OciHost } from './bundle.ts';
import { until } from './harness.ts';

const host = new OciHost();

test('ids: unknown, with bad characters, taken', async () => {
  for (const command of ['state', 'start', 'kill', 'delete', 'pause', 'resume', 'ps', 'events'])
    assert.match(await host.fails(1, command, 'nobody'), /container "nobody" does not exist/, command);
  assert.match(await host.fails(255, 'exec', 'nobody', 'true'), /container "nobody" does not exist/);
  const bundle = await host.bundle(['true']);
  for (const id of ['', '.', '..', 'a/b', '../up', 'with space', 'é', 'a'.repeat(1025)]) {
    assert.match(await host.fails(1, 'create', '--bundle', bundle, id), /container id .* is invalid/, id);
    assert.match(await host.fails(1, 'state', id), /container id .* is invalid/, id);
  }
  await host.ok('create', '--bundle', bundle, 'A_b+c.d-1');
  assert.match(
    await host.fails(1, 'create', '--bundle', bundle, 'A_b+c.d-1'),
    /container with given ID already exists: A_b\+c\.d-1/,
  );
  assert.equal((await host.state('A_b+c.d-1')).status, 'created', 'the first one is as it was');
  await host.ok('delete', '--force', 'A_b+c.d-1');
  assert.deepEqual(host.left(), []);
});

test('delete of a running one, start twice, kill and exec and update of a stopped one', async () => {
  const bundle = await host.bundle(['sleep', '1000']);
  await host.ok('create', '--bundle', bundle, 'life');
  await host.ok('start', 'life');
  assert.match(await host.fails(1, 'start', 'life'), /already running container: "life" is running/);
  assert.match(await host.fails(1, 'delete', 'life'), /not stopped: running.*delete --force life/);
  assert.equal((await host.state('life')).status, 'running');
  await host.ok('kill', 'life', 'KILL');
  await until('it has stopped', async () => (await host.state('life')).status === 'stopped');
  assert.match(await host.fails(1, 'kill', 'life'), /container not running/);
  await host.ok('kill', '--all', 'life', 'KILL');
  assert.match(await host.fails(1, 'start', 'life'), /has stopped/);
  assert.match(await host.fails(1, 'pause', 'life'), /it is stopped/);
  assert.match(await host.fails(1, 'ps', 'life'), /it has stopped/);
  assert.match(await host.fails(1, 'update', '--memory', '64m', 'life'), /it has stopped/);
  assert.match(await host.fails(255, 'exec', 'life', 'true'), /cannot exec in a stopped container/);
  await host.ok('delete', 'life');
  assert.match(await host.fails(1, 'delete', 'life'), /does not exist/);
  await host.ok('delete', '--force', 'life');
});

test('words that are no use', async () => {
  assert.match(await host.fails(1, 'create'), /needs 1 argument\(s\) and got 0/);
  assert.match(await host.fails(1, 'crate', 'x'), /unknown command "oci crate".*did you mean "create"/);
  assert.match(await host.fails(1, 'run', '--no-such-flag', 'x'), /no-such-flag/);
  const bundle = await host.bundle(['sleep', '1000']);
  await host.ok('run', '-d', '--bundle', bundle, 'words');
  assert.match(await host.fails(1, 'kill', 'words', 'NOSUCH'), /NOSUCH/);
  assert.match(await host.fails(1, 'kill', 'words', '0'), /"0"/);
  assert.match(await host.fails(255, 'exec', '--user', 'nobody', 'words', 'true'), /must be a number/);
  assert.match(await host.fails(255, 'exec', 'words', '/no/such'), /no such file or directory/);
  assert.match(await host.fails(255, 'exec', 'words', 'nosuch'), /executable file not found in \$PATH/);
  assert.match(await host.fails(255, 'exec', '--cwd', 'tmp', 'words', 'true'), /cwd/);
  assert.match(await host.fails(255, 'exec', 'words'), /exec needs a command/);
  assert.equal((await host.state('words')).status, 'running');
  await host.ok('delete', '--force', 'words');
  assert.match(await host.fails(1, 'run', '--preserve-fds', '-1', '--bundle', bundle, 'x'), /no count/);
  assert.deepEqual(host.left(), []);
});

test('bundles: none, without config.json, without a root file system, not JSON', async () => {
  const none = `${host.dir}/none`;
  assert.match(await host.fails(1, 'run', '--bundle', none, 'x'), /cannot read .*none.*no such file/);
  mkdirSync(none);
  assert.match(
    await host.fails(1, 'run', '--bundle', none, 'x'),
    /cannot read .*none\/config\.json: no such file/,
  );
  writeFileSync(`${none}/config.json`, '{"ociVersion":');
  assert.match(await host.fails(1, 'run', '--bundle', none, 'x'), /config\.json is not valid JSON/);
  writeFileSync(`${none}/config.json`, '[]');
  assert.match(
    await host.fails(1, 'run', '--bundle', none, 'x'),
    /the document is an array, must be an object/,
  );
  const bundle = await host.bundle(['true'], (config) => {
    config.root.path = 'nowhere';
  });
  assert.match(await host.fails(1, 'run', '--bundle', bundle, 'x'), /root\.path is "nowhere": no such file/);
  writeFileSync(`${bundle}/file`, '');
  host.edit(bundle, (config) => {
    config.root.path = 'file';
  });
  assert.match(await host.fails(1, 'run', '--bundle', bundle, 'x'), /root\.path is "file": not a directory/);
  assert.deepEqual(host.left(), []);
});

type Change = (config: AnyConfig) => void;
/** What is wrong, and what the message must say: the place in the document, and what is the matter. */
const WRONG: ReadonlyArray<readonly [Change, RegExp]> = [
  [(c) => delete c.ociVersion, /ociVersion is missing, and required/],
  [(c) => (c.ociVersion = '1'), /ociVersion is "1", must be a version/],
  [(c) => (c.ociVersion = '2.0.0'), /ociVersion is "2\.0\.0", must be 1\.x/],
  [(c) => delete c.root, /root is missing/],
  [(c) => delete c.process, /process is missing/],
  [(c) => (c.process.args = []), /process\.args is empty/],
  [(c) => (c.process.args = 'true'), /process\.args is the string "true", must be an array/],
  [(c) => (c.process.args = [1]), /process\.args\[0\] is the number 1, must be a string/],
  [(c) => (c.process.cwd = 'tmp'), /process\.cwd is the string "tmp", must be an absolute path/],
  [(c) => (c.process.user.uid = -1), /process\.user\.uid is -1, must be from 0 to/],
  [(c) => (c.process.user.uid = 1.5), /process\.user\.uid is the number 1\.5, must be a whole number/],
  [(c) => (c.process.terminal = 'yes'), /process\.terminal is the string "yes", must be true or false/],
  [(c) => (c.process.env = ['A\0=b']), /process\.env\[0\] contains a NUL byte/],
  [(c) => (c.process.oomScoreAdj = 1001), /process\.oomScoreAdj is 1001, must be from -1000 to 1000/],
  [(c) => (c.process.rlimits[0].type = 'RLIMIT_NONE'), /process\.rlimits\[0\]\.type is "RLIMIT_NONE"/],
  [(c) => c.process.rlimits.push(c.process.rlimits[0]), /process\.rlimits\[1\]\.type is .* a second time/],
  [(c) => (c.process.rlimits[0].soft = 2048), /process\.rlimits\[0\]\.soft is 2048, more than hard/],
  [(c) => (c.process.apparmorProfile = 'lock'), /process\.apparmorProfile is "lock": .*AppArmor/],
  [(c) => (c.process.selinuxLabel = 'a:b:c:d'), /process\.selinuxLabel is "a:b:c:d": .*SELinux/],
  [
    (c) => (c.process.execCPUAffinity = { initial: '3-1' }),
    /execCPUAffinity\.initial is "3-1": a range ends before it begins/,
  ],
  [(c) => (c.process.execCPUAffinity = { final: 'all' }), /execCPUAffinity\.final is "all", must be a list/],
  [(c) => (c.linux.mountLabel = 'a:b:c:d'), /linux\.mountLabel is "a:b:c:d": .*SELinux/],
  [(c) => (c.mounts[0].destination = 7), /mounts\[0\]\.destination is the number 7/],
  [(c) => c.mounts.push({ destination: '/x', type: 'bind' }), /mounts\[\d+\]\.source is missing/],
  [(c) => c.mounts.push({ destination: '/x', source: 'x' }), /mounts\[\d+\]\.type is missing/],
  [
    (c) => c.mounts.push({ destination: '/x', type: 'bind', source: '/no/such' }),
    /mounts\[\d+\]\.source is "\/no\/such": no such file/,
  ],
  [(c) => (c.hostname = 1), /hostname is the number 1/],
  [(c) => (c.annotations = { a: 1 }), /annotations\["a"\] is the number 1/],
  [(c) => (c.hooks = { prestart: [{ path: 'true' }] }), /hooks\.prestart\[0\]\.path .* absolute path/],
  [(c) => (c.hooks = { poststop: [{ path: '/true', timeout: 0 }] }), /hooks\.poststop\[0\]\.timeout is 0/],
  [(c) => c.linux.namespaces.push({ type: 'uts' }), /linux\.namespaces\[\d\]\.type is "uts" a second time/],
  [(c) => c.linux.namespaces.push({ type: 'none' }), /linux\.namespaces\[\d\]\.type .* must be one of/],
  [(c) => (c.linux.namespaces[0].path = 'x'), /linux\.namespaces\[0\]\.path is "x", must be an absolute/],
  [
    (c) => (c.linux.namespaces = c.linux.namespaces.filter((n: AnyConfig) => n.type !== 'mount')),
    /linux\.namespaces has no mount namespace/,
  ],
  [(c) => (c.linux.uidMappings = [{ containerID: 0, hostID: 1, size: 1 }]), /there is no user namespace/],
  [(c) => (c.linux.sysctl = { 'vm.swappiness': '1' }), /linux\.sysctl\["vm\.swappiness"\] is not in any/],
  [(c) => (c.linux.resources.rdma = { mlx: { hcaHandles: 1 } }), /linux\.resources\.rdma is not supported/],
  [(c) => (c.linux.intelRdt = { closID: 'a' }), /linux\.intelRdt is not supported/],
  [(c) => (c.linux.netDevices = { eth0: {} }), /linux\.netDevices is not supported/],
  [(c) => (c.linux.memoryPolicy = { mode: 'MPOL_BIND' }), /memoryPolicy\.nodes is missing: MPOL_BIND needs/],
  [
    (c) => (c.linux.memoryPolicy = { mode: 'MPOL_FIRST' }),
    /memoryPolicy\.mode is .* must be one of MPOL_DEFAULT/,
  ],
  [
    (c) => (c.linux.memoryPolicy = { mode: 'MPOL_LOCAL', nodes: '0' }),
    /memoryPolicy\.nodes is given, and MPOL_LOCAL has none/,
  ],
  [
    (c) => (c.linux.memoryPolicy = { mode: 'MPOL_BIND', nodes: '0-9999' }),
    /memoryPolicy\.nodes is "0-9999": no kernel has a number 9999/,
  ],
  [
    (c) => c.mounts.push({ destination: '/m', type: 'bind', source: '/etc', options: ['rbind', 'ridmap'] }),
    /mounts\[\d+\]\.options has "ridmap", but the mount has no uidMappings/,
  ],
  [(c) => (c.linux.resources.memory = { limit: 'lots' }), /linux\.resources\.memory\.limit is the string/],
  [(c) => (c.linux.resources.devices = [{ allow: 1 }]), /linux\.resources\.devices\[0\]\.allow/],
  [(c) => (c.linux.resources.devices[0].access = 'rx'), /devices\[0\]\.access is "rx", must be made of/],
  [(c) => (c.linux.devices = [{ type: 'c', path: '/dev/x' }]), /linux\.devices\[0\]\.major or minor is/],
  [(c) => (c.linux.rootfsPropagation = 'far'), /linux\.rootfsPropagation is "far", must be one of/],
  [(c) => (c.linux.personality = { domain: 'BSD' }), /linux\.personality\.domain is "BSD"/],
  [(c) => (c.linux.maskedPaths = ['proc']), /linux\.maskedPaths\[0\] is "proc", must be an absolute/],
  [(c) => (c.linux.cgroupsPath = '/a/../..'), /linux\.cgroupsPath is .* must not lead upwards/],
  [(c) => (c.linux.seccomp = { defaultAction: 'SCMP_ACT_NONE' }), /SCMP_ACT_NONE/],
  [
    (c) => (c.linux.seccomp = { defaultAction: 'SCMP_ACT_ALLOW', flags: ['NONE'] }),
    /linux\.seccomp\.flags has "NONE"/,
  ],
];

test('config.json: every wrong value is named with its place', async () => {
  const bundle = await host.bundle(['true']);
  const right = readFileSync(`${bundle}/config.json`, 'utf8');
  for (const [change, wanted] of WRONG) {
    writeFileSync(`${bundle}/config.json`, right);
    host.edit(bundle, (config) => void change(config));
    const line = await host.fails(1, 'run', '--bundle', bundle, 'wrong');
    assert.match(line, wanted);
    assert.match(line, /^mydocker: /);
  }
  assert.deepEqual(host.left(), []);
});

test('several wrong values: the first in full, the others by place', async () => {
  const bundle = await host.bundle(['true'], (config) => {
    config.hostname = 1;
    config.process.cwd = 'x';
  });
  const line = await host.fails(1, 'run', '--bundle', bundle, 'wrong');
  assert.match(line, /process\.cwd .* \(and 1 more: hostname\)|hostname .* \(and 1 more: process\.cwd\)/);
});

test('fields nobody knows are left alone; null is the same as missing', async () => {
  const told = await host.sh('echo fine', (config) => {
    config.future = { anything: true };
    config.linux.future = 1;
    config.process.future = [];
    config.annotations = null;
    config.linux.devices = null;
    config.hooks = null;
  });
  assert.equal(told, 'fine');
});

test('a mount point that is a link is refused, and nothing is left', async () => {
  const bundle = await host.bundle(['true'], (config) => {
    config.mounts.push({ destination: '/evil', type: 'tmpfs', source: 'tmpfs' });
  });
  symlinkSync('/etc', `${bundle}/rootfs/evil`);
  assert.match(await host.fails(1, 'run', '--bundle', bundle, 'evil'), /symbolic link there/);
  assert.deepEqual(host.left(), []);
  rmSync(bundle, { recursive: true });
});

test('--log: the last words of a runtime, as text and as JSON', async () => {
  const log = `${host.dir}/log`;
  await host.fails(1, '--log', log, '--log-format', 'json', 'state', 'nobody');
  const { level, msg, time } = JSON.parse(readFileSync(log, 'utf8'));
  assert.equal(level, 'error');
  assert.match(msg, /container "nobody" does not exist/);
  assert.ok(!Number.isNaN(Date.parse(time)));
  rmSync(log);
  await host.fails(1, '--log', log, 'state', 'nobody');
  assert.match(
    readFileSync(log, 'utf8'),
    /^time="\S+" level=error msg="container \\"nobody\\" does not exist/,
  );
  assert.match(await host.fails(1, '--log-format', 'xml', 'list'), /--log-format "xml" is not known/);
  assert.match(await host.fails(1, '--log', '/no/such/log', 'list'), /cannot write the log/);
});
