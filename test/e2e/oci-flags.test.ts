/** Flags of the OCI runtime, those before its command and those of create, run and exec. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { OciHost } from './bundle.ts';
import { command, EXECUTABLE, until } from './harness.ts';

const host = new OciHost();

/** Takes a terminal's descriptor over a socket, as conmon and containerd-shim do, types a line and shows what comes. */
const TAKER = `
import array, os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen(1)
print('ready', flush=True)
connection, _ = listener.accept()
fds = array.array('i')
name, ancillary, _, _ = connection.recvmsg(4096, socket.CMSG_LEN(fds.itemsize))
fds.frombytes(ancillary[0][2][:fds.itemsize])
print('name:', name.decode(), flush=True)
os.write(fds[0], b'typed\\n')
said = b''
try:
    while True:
        part = os.read(fds[0], 4096)
        if not part: break
        said += part
except OSError:
    pass # EIO: the other end was closed.
print(said.decode(), flush=True)
`;

interface Taker {
  path: string;
  said(): Promise<string>;
}

async function taker(name: string): Promise<Taker> {
  const path = `${host.dir}/${name}.sock`;
  const child = spawn('python3', ['-c', TAKER, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const parts: Buffer[] = [];
  child.stdout.on('data', (part: Buffer) => parts.push(part));
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  await until('it listens', () => Buffer.concat(parts).includes('ready\n'));
  parts.length = 0;
  return {
    path,
    said: async () => {
      await ended;
      return Buffer.concat(parts).toString('utf8').replaceAll('\r', '');
    },
  };
}

test('--console-socket: the terminal’s master goes there; size, /dev/console and controlling terminal', async () => {
  const socket = await taker('create');
  const script = [
    'stty size; tty; ls -l /dev/console | cut -c1; test -t 0 && test -t 1 && test -t 2 && echo all',
    'read word; echo "got $word"; echo via-tty > /dev/tty; echo via-console > /dev/console',
  ].join(';');
  const bundle = await host.bundle(['sh', '-c', script], (config) => {
    config.process.terminal = true;
    config.process.consoleSize = { height: 33, width: 77 };
  });
  await host.ok('create', '--bundle', bundle, '--console-socket', socket.path, 'console');
  await host.ok('start', 'console');
  const said = await socket.said();
  assert.match(said, /^name: \S+/);
  for (const line of ['33 77', '/dev/pts/0', 'c', 'all', 'got typed', 'via-tty', 'via-console'])
    assert.ok(said.split('\n').includes(line), `${line} in ${said}`);
  await until('it has stopped', async () => (await host.state('console')).status === 'stopped');
  await host.ok('delete', 'console');
});

test('exec --tty --detach --console-socket: another terminal of the same container', async () => {
  const bundle = await host.bundle(['sleep', '1000']);
  await host.ok('run', '-d', '--bundle', bundle, 'holder');
  const socket = await taker('exec');
  const words = ['exec', '--tty', '--detach', '--console-socket', socket.path, 'holder'];
  await host.ok(...words, 'sh', '-c', 'tty; read word; echo "got $word"');
  const said = await socket.said();
  assert.match(said, /\/dev\/pts\/0\n/);
  assert.match(said, /got typed/);
  await host.ok('delete', '--force', 'holder');
});

test('a terminal without a socket, a socket without a terminal, a socket nobody listens on', async () => {
  const plain = await host.bundle(['true']);
  const terminal = await host.bundle(['true'], (config) => {
    config.process.terminal = true;
  });
  assert.match(await host.fails(1, 'create', '--bundle', terminal, 'x'), /without a console socket/);
  const flag = ['--console-socket', `${host.dir}/none.sock`];
  assert.match(await host.fails(1, 'create', '--bundle', plain, ...flag, 'x'), /without a terminal/);
  assert.match(await host.fails(1, 'create', '--bundle', terminal, ...flag, 'x'), /there is no such socket/);
  writeFileSync(`${host.dir}/none.sock`, '');
  assert.match(await host.fails(1, 'create', '--bundle', terminal, ...flag, 'x'), /nobody listens there/);
  assert.deepEqual(host.left(), []);
});

test('run and exec with a terminal in the foreground: raw while it runs, its size, as it was afterwards', async () => {
  const bundle = await host.bundle(['sh', '-c', 'tty; stty size; sleep 1000'], (config) => {
    config.process.terminal = true;
    config.process.args = ['sh', '-c', 'tty; stty size; echo done'];
  });
  const oci = `"${EXECUTABLE}" oci --root "${host.root}"`;
  const env = { MYDOCKER_ROOT: `${host.dir}/engine`, TERM: 'vt100' };
  const inTerminal = async (words: string) =>
    (await command('script', ['-qec', `stty rows 31 cols 93; ${words}; stty -a`, '/dev/null'], { env }))
      .stdout;
  const ran = await inTerminal(`${oci} run --bundle "${bundle}" front`);
  // Only \r\n: raw, or there would be \r\r\n. script(1) types an end of file, ^@, of its own.
  assert.match(ran.replaceAll('^@', ''), /^\/dev\/pts\/0\r\n31 93\r\ndone\r\n/);
  assert.match(ran, /\bicanon\b[\s\S]* echo /);
  await host.ok('run', '-d', '--bundle', await host.bundle(['sleep', '1000']), 'holder');
  const executed = await inTerminal(`${oci} exec -t holder sh -c 'stty size; exit 3'; echo $?`);
  assert.match(executed.replaceAll('^@', ''), /^31 93\r\n3\r\n/);
  await host.ok('delete', '--force', 'holder');
  assert.deepEqual(host.left(), []);
});

test('--pid-file: written whole, for create and exec; where it cannot be, nothing is left', async () => {
  const bundle = await host.bundle(['sleep', '1000']);
  const file = `${host.dir}/the-pid`;
  await host.ok('create', '--bundle', bundle, '--pid-file', file, 'pids');
  assert.equal(readFileSync(file, 'utf8'), String((await host.state('pids')).pid));
  assert.deepEqual(
    readdirSync(host.dir).filter((name) => name.startsWith('the-pid.')),
    [],
  );
  await host.ok('delete', '--force', 'pids');
  const line = await host.fails(1, 'create', '--bundle', bundle, '--pid-file', '/no/such/pid', 'pids');
  assert.match(line, /\/no\/such\/pid/);
  assert.deepEqual(host.left(), []);
});

test('--no-pivot: the same container, its root moved over /', async () => {
  const bundle = await host.bundle(['sh', '-c', 'ls / | tr "\\n" " "; ls -d /../bin; head -1 /etc/passwd']);
  const [plain, moved] = [
    await host.run(['run', '--bundle', bundle, 'plain']),
    await host.run(['run', '--no-pivot', '--bundle', bundle, 'moved']),
  ];
  assert.deepEqual([moved.code, moved.stdout], [0, plain.stdout], moved.stderr);
  assert.deepEqual(host.left(), []);
});

test('--no-new-keyring keeps the caller’s session keyring; without it there is a new one', async () => {
  const bundle = await host.bundle(['/usr/bin/keyctl', 'show', '@s'], (config) => {
    // The host's program, with its libraries.
    for (const [at, source] of [
      ['/usr', '/usr'],
      ['/lib', '/usr/lib'],
      ['/lib64', '/usr/lib64'],
    ])
      config.mounts.push({ destination: at, type: 'bind', source, options: ['rbind', 'ro'] });
  });
  const name = host.cgroup;
  const words = ['session', name, EXECUTABLE, 'oci', '--root', host.root, 'run', '--bundle', bundle];
  const env = { MYDOCKER_ROOT: `${host.dir}/engine` };
  const keys = (...flags: string[]) => command('keyctl', [...words, ...flags, 'keys'], { env });
  const kept = await keys('--no-new-keyring');
  assert.match(kept.stdout, new RegExp(`keyring: ${name}`), kept.stderr);
  assert.match((await keys()).stdout, /keyring: _ses/);
});

test('--root: each root is a world of its own', async () => {
  const bundle = await host.bundle(['sleep', '1000']);
  await host.ok('run', '-d', '--bundle', bundle, 'here');
  const other = `${host.dir}/other`;
  const env = { MYDOCKER_ROOT: `${host.dir}/engine` };
  const elsewhere = (...args: string[]) => command(EXECUTABLE, ['oci', '--root', other, ...args], { env });
  assert.equal((await elsewhere('list', '-q')).stdout, '');
  assert.match((await elsewhere('state', 'here')).stderr, /does not exist/);
  assert.deepEqual((await host.ok('list', '-q')).split('\n'), ['here']);
  const [only] = JSON.parse(await host.ok('list', '--format', 'json'));
  assert.deepEqual([only.id, only.status, only.bundle], ['here', 'running', bundle]);
  await host.ok('delete', '--force', 'here');
  writeFileSync(`${host.dir}/file`, '');
  const refused = await command(
    EXECUTABLE,
    ['oci', '--root', `${host.dir}/file`, 'create', '--bundle', bundle, 'x'],
    { env },
  );
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /cannot keep containers in .*file: ENOTDIR/);
});

test('--systemd-cgroup: "slice:prefix:name" is the directory systemd would use', async () => {
  const bundle = await host.bundle(['cat', '/proc/1/cgroup'], (config) => {
    config.linux.cgroupsPath = `${host.cgroup.replaceAll('-', '')}-a.slice:pre:name`;
    config.linux.namespaces = config.linux.namespaces.filter((n: { type: string }) => n.type !== 'cgroup');
  });
  const flat = host.cgroup.replaceAll('-', '');
  const result = await host.run(['--systemd-cgroup', 'run', '--bundle', bundle, 'unit']);
  assert.match(
    result.stdout,
    new RegExp(`/${flat}\\.slice/${flat}-a\\.slice/pre-name\\.scope`),
    result.stderr,
  );
  const line = await host.fails(1, '--systemd-cgroup', 'run', '--bundle', await host.bundle(['true']), 'x');
  assert.match(line, /with --systemd-cgroup it must be "slice:prefix:name"/);
  const { removeCgroup } = await import('./bundle.ts');
  removeCgroup(`${flat}.slice`);
});

test('--log keeps warnings as well, and --debug shows where an error came from', async () => {
  const bundle = await host.bundle(['true'], (config) => {
    config.process.capabilities.bounding.push('CAP_NOBODY');
  });
  const log = `${host.dir}/log`;
  const result = await host.run(['--log', log, '--log-format', 'json', 'run', '--bundle', bundle, 'warns']);
  assert.equal(result.code, 0, result.stderr);
  const { level, msg } = JSON.parse(readFileSync(log, 'utf8').split('\n')[0] ?? '');
  assert.equal(level, 'warning');
  assert.match(msg, /process\.capabilities\.bounding\[\d\] is "CAP_NOBODY"/);
  const debug = await host.run(['--debug', 'state', 'nobody']);
  assert.match(debug.stderr, /does not exist[\s\S]+at /);
});

test('the record can be read by root only', async () => {
  const bundle = await host.bundle(['sleep', '1000']);
  await host.ok('run', '-d', '--bundle', bundle, 'modes');
  for (const name of ['plan', 'config.json', 'state.json'])
    assert.equal(statSync(`${host.root}/modes/${name}`).mode & 0o077, 0, name);
  await host.ok('delete', '--force', 'modes');
});

test('--bundle is the working directory when it is not given', async () => {
  const bundle = await host.bundle(['echo', 'here']);
  const result = await host.run(['run', 'cwd'], { cwd: bundle });
  assert.deepEqual([result.code, result.stdout], [0, 'here\n'], result.stderr);
  mkdirSync(`${bundle}/below`);
  const up = await host.run(['run', '--bundle', '..', 'up'], { cwd: `${bundle}/below` });
  assert.deepEqual([up.code, up.stdout], [0, 'here\n'], up.stderr);
});
