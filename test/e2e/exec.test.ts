/** `exec`: one more program in a running container, with no more rights than the container has. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { command, EXECUTABLE, Host, processes, until } from './harness.ts';
import { Live } from './live.ts';

const host = new Host();
let id = '';
before(async () => {
  id = await host.ok(
    'run',
    '-d',
    '--name',
    'target',
    '-e',
    'OWN=container',
    '--hostname',
    'nest',
    '-w',
    '/tmp',
    'busybox',
    'sleep',
    '1000',
  );
});
const inside = (...args: string[]) => host.ok('exec', ...args);

test('exec runs in the container: its host name, processes, files', async () => {
  assert.equal(await inside('target', 'hostname'), 'nest');
  assert.match(await inside('target', 'ps', '-o', 'pid,args'), /^ *1 sleep 1000$/m);
  await inside('target', 'sh', '-c', 'echo mark > /mark');
  assert.equal(await inside(id.slice(0, 8), 'cat', '/mark'), 'mark');
});

test('exec is in every namespace of process 1', async () => {
  const pid = await host.ok('inspect', '-f', '{{.State.Pid}}', 'target');
  const names = ['mnt', 'pid', 'uts', 'ipc', 'net', 'cgroup'];
  const script = 'for name; do readlink /proc/self/ns/$name; done';
  const seen = await inside('target', 'sh', '-c', script, 'sh', ...names);
  assert.deepEqual(
    seen.split('\n'),
    names.map((name) => readlinkSync(`/proc/${pid}/ns/${name}`)),
  );
});

test('exec passes argv as it is, streams apart, and gives the exit code', async () => {
  const words = ['a b', '', '"', '$X', 'x\ny', 'ü', '-it'];
  const out = await inside('target', 'sh', '-c', 'for a; do printf "[%s]" "$a"; done', 'sh', ...words);
  assert.equal(out, words.map((word) => `[${word}]`).join(''));
  const result = await host.run(['exec', 'target', 'sh', '-c', 'echo out; echo err >&2; exit 44']);
  assert.deepEqual(result, { code: 44, stdout: 'out\n', stderr: 'err\n' });
  assert.equal((await host.run(['exec', 'target', 'sh', '-c', 'kill -9 $$'])).code, 137);
});

test('exec exits 127 and 126 for what is not there or not executable', async () => {
  assert.match(await host.fails(127, 'exec', 'target', '/no/such'), /\/no\/such/);
  assert.match(await host.fails(126, 'exec', 'target', '/etc/passwd'), /\/etc\/passwd/);
});

test('exec has the container’s environment and working directory; -e and -w change them', async () => {
  const env = await host.run(['exec', '-e', 'MORE=1', 'target', 'env'], { env: { LEAK: 'x' } });
  assert.match(env.stdout, /^OWN=container$/m);
  assert.match(env.stdout, /^MORE=1$/m);
  assert.match(env.stdout, /^HOME=\/root$/m);
  assert.doesNotMatch(env.stdout, /LEAK|MYDOCKER/);
  assert.equal(await inside('target', 'pwd'), '/tmp');
  assert.equal(await inside('-w', '/etc', 'target', 'pwd'), '/etc');
  assert.equal(await inside('-e', 'OWN=exec', 'target', 'sh', '-c', 'echo $OWN'), 'exec');
});

test('exec -u: another user, without its capabilities', async () => {
  assert.match(await inside('-u', '1234:5', 'target', 'id'), /^uid=1234 gid=5/);
  assert.match(await inside('-u', '1234', 'target', 'grep', 'CapEff', '/proc/self/status'), /0{16}$/);
  assert.match(await host.fails(125, 'exec', '-u', 'nobody9', 'target', 'id'), /nobody9/);
});

test('exec drops to the container’s privileges', async () => {
  const lines = 'Cap|NoNewPrivs|Seccomp:';
  const own = await inside('target', 'grep', '-E', lines, '/proc/1/status');
  assert.equal(await inside('target', 'grep', '-E', lines, '/proc/self/status'), own);
});

test('exec joins the container’s cgroup, on every hierarchy', async () => {
  const live = new Live(host, 'exec', 'target', 'sh', '-c', 'echo ready; exec sleep 4321.5');
  await live.says('ready');
  await until('it sleeps', () => processes('sleep\x004321.5').length === 1);
  const [pid] = processes('sleep\x004321.5');
  const state = await host.ok('inspect', '-f', '{{.State.Pid}}', 'target');
  assert.equal(readFileSync(`/proc/${pid}/cgroup`, 'utf8'), readFileSync(`/proc/${state}/cgroup`, 'utf8'));
  live.child.kill('SIGTERM');
  assert.equal(await live.code, 143, 'the signal was passed on');
});

test('exec forwards signals to its program', async () => {
  const live = new Live(
    host,
    'exec',
    'target',
    'sh',
    '-c',
    'trap "echo bye; exit 21" TERM; echo ready; while :; do sleep 0.05; done',
  );
  await live.says('ready');
  live.child.kill('SIGTERM');
  assert.equal(await live.code, 21);
  assert.match(live.stdout, /bye/);
});

test('exec -i passes standard input on to its end; without -i it is empty', async () => {
  const open = await host.run(['exec', '-i', 'target', 'wc', '-c'], { input: 'x'.repeat(300_000) });
  assert.equal(open.stdout.trim(), '300000');
  assert.equal((await host.run(['exec', 'target', 'cat'], { input: 'secret' })).stdout, '');
});

test('exec -d returns at once and the program goes on', async () => {
  const result = await host.run(['exec', '-d', 'target', 'sh', '-c', 'sleep 0.3; echo done > /late']);
  assert.deepEqual({ code: result.code, stderr: result.stderr }, { code: 0, stderr: '' });
  await until(
    'the file is there',
    async () => (await host.run(['exec', 'target', 'cat', '/late'])).stdout === 'done\n',
  );
});

test('exec ends with its program, and has all its output, though a child of it writes on', async () => {
  const words = ['sh', '-c', 'for n in 1 2 3; do yes 2>/dev/null & done; seq 1 2000; echo over; exit 3'];
  // A monitor that reads slowly: the pipe is full again before every look.
  const slow = ['-f', '-qq', '-o', '/dev/null', '-e', 'trace=read', '-e', 'inject=read:delay_enter=5000'];
  const env = { MYDOCKER_ROOT: host.root };
  const args = [...slow, EXECUTABLE, 'exec', 'target', ...words];
  const result = await command('strace', args, { env });
  assert.equal(result.code, 3, result.stderr);
  // What several write may meet within a line.
  const digits = Array.from({ length: 2000 }, (_, i) => i + 1).join('');
  assert.equal(result.stdout.replace(/\D/g, ''), digits);
  assert.match(result.stdout.replace(/y\n?/g, ''), /over/);
});

test('exec leaves no socket and no process behind', async () => {
  await inside('target', 'true');
  const names = readdirSync(`${host.root}/run/${id}`).filter((name) => name.startsWith('exec-'));
  assert.deepEqual(names, []);
});

test('exec in a container with --init or a read-only root works too', async () => {
  await host.ok('run', '-d', '--name', 'ro', '--init', '--read-only', 'busybox', 'sleep', '100');
  const result = await host.run(['exec', 'ro', 'sh', '-c', 'touch /x; id -u']);
  assert.equal(result.stdout, '0\n');
  assert.match(result.stderr, /Read-only/);
  await host.ok('rm', '-f', 'ro');
});

test('exec in a stopped container is refused, and nothing is executed anywhere', async () => {
  const directory = mkdtempSync('/var/tmp/mydocker-files-');
  after(() => rmSync(directory, { recursive: true }));
  writeFileSync(`${directory}/mark`, '');
  const made = await host.ok('run', '-d', '-v', `${directory}:/v`, 'busybox', 'true');
  await host.ok('wait', made);
  assert.match(await host.fails(1, 'exec', made, 'touch', `${directory}/executed`), /not running/);
  assert.match(await host.fails(1, 'exec', made, 'touch', '/v/executed'), /not running/);
  assert.match(await host.fails(1, 'exec', 'nobody', 'touch', `${directory}/executed`), /nobody/);
  assert.deepEqual(readdirSync(directory), ['mark']);
  await host.ok('rm', made);
});
