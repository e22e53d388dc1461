import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { OciHost } from './bundle.ts';
import { command, EXECUTABLE, until } from './harness.ts';

const host = new OciHost();

test('create, start, state, kill and delete: the life of a container, nothing left', async () => {
  const bundle = await host.bundle(['sh', '-c', 'echo up > /dev/shm/up; exec sleep 1000'], (config) => {
    config.annotations = { 'org.example.key': 'value' };
  });
  const pidFile = `${host.dir}/pid`;
  await host.ok('create', '--bundle', bundle, '--pid-file', pidFile, 'life');
  const created = await host.state('life');
  assert.equal(created.status, 'created');
  assert.equal(created.bundle, bundle);
  assert.deepEqual(created.annotations, { 'org.example.key': 'value' });
  assert.equal(readFileSync(pidFile, 'utf8'), String(created.pid));
  assert.equal(existsSync(`/proc/${created.pid}/root/dev/shm/up`), false, 'the program does not run yet');

  await host.ok('start', 'life');
  const running = await host.state('life');
  assert.equal(running.status, 'running');
  assert.equal(running.pid, created.pid);
  await until('the program wrote', () => existsSync(`/proc/${created.pid}/root/dev/shm/up`));
  assert.match(await host.ok('list'), /^life +\d+ +running +/m);
  assert.deepEqual(JSON.parse(await host.ok('ps', '--format', 'json', 'life')), [created.pid]);
  await until('the other program runs', async () => /sleep 1000/.test(await host.ok('ps', 'life')));

  await host.ok('kill', 'life', 'KILL');
  await until('it has stopped', async () => (await host.state('life')).status === 'stopped');
  assert.equal((await host.state('life')).pid, 0);
  await host.ok('delete', 'life');
  assert.match(await host.fails(1, 'state', 'life'), /does not exist/);
  assert.deepEqual(host.left(), []);
});

test('run: streams, exit code and signals of the program are the runtime’s own', async () => {
  const bundle = await host.bundle(['sh', '-c', 'read x; echo "got $x"; echo err >&2; exit 7']);
  const result = await host.run(['run', '--bundle', bundle, 'run'], { input: 'a word\n' });
  assert.deepEqual([result.code, result.stdout, result.stderr], [7, 'got a word\n', 'err\n']);
  const killed = await host.bundle(['sh', '-c', 'kill -9 $$; sleep 10'], (config) => {
    // A process 1 of a pid namespace cannot kill itself.
    config.linux.namespaces = config.linux.namespaces.filter((ns: { type: string }) => ns.type !== 'pid');
  });
  assert.equal((await host.run(['run', '--bundle', killed, 'killed'])).code, 137);
  assert.deepEqual(host.left(), []);
});

test('run --detach leaves a container that runs', async () => {
  const bundle = await host.bundle(['sleep', '1000']);
  await host.ok('run', '-d', '--bundle', bundle, 'detached');
  assert.equal((await host.state('detached')).status, 'running');
  assert.match(await host.fails(1, 'delete', 'detached'), /not stopped: running/);
  await host.ok('delete', '--force', 'detached');
  assert.deepEqual(host.left(), []);
});

test('a container that is only created ends by delete --force, or by a signal', async () => {
  const bundle = await host.bundle(['true']);
  await host.ok('create', '--bundle', bundle, 'never');
  assert.match(await host.fails(1, 'delete', 'never'), /not stopped: created.*kill never KILL/);
  assert.equal((await host.state('never')).status, 'created');
  await host.ok('kill', 'never', 'KILL');
  await until('it has stopped', async () => (await host.state('never')).status === 'stopped');
  await host.ok('delete', 'never');
  await host.ok('create', '--bundle', bundle, 'never');
  await host.ok('delete', '--force', 'never');
  await host.ok('create', '--bundle', bundle, 'never');
  await host.ok('kill', 'never', 'TERM');
  await until('it has stopped', async () => (await host.state('never')).status === 'stopped');
  assert.match(await host.fails(1, 'start', 'never'), /has stopped/);
  await host.ok('delete', 'never');
});

test('exec: in the same namespaces, with its own user, directory and environment, and its exit code', async () => {
  const bundle = await host.bundle(['sleep', '1000']);
  await host.ok('run', '-d', '--bundle', bundle, 'exec');
  const shell = ['exec', '--user', '1000:1001', '--cwd', '/tmp', '--env', 'X=y', 'exec', 'sh', '-c'];
  const result = await host.run([...shell, 'id -u; id -g; pwd; echo $X; ps | grep -c "sleep 1000"; exit 4']);
  assert.deepEqual([result.code, result.stdout.split('\n').slice(0, 4)], [4, ['1000', '1001', '/tmp', 'y']]);

  const file = `${host.dir}/process.json`;
  const process = {
    cwd: '/',
    user: { uid: 0, gid: 0, umask: 0o77 },
    args: ['sh', '-c', 'umask; cat /proc/self/oom_score_adj'],
    env: ['PATH=/bin'],
    oomScoreAdj: 500,
  };
  writeFileSync(file, JSON.stringify(process));
  assert.equal(await host.ok('exec', '--process', file, 'exec'), '0077\n500');

  const pidFile = `${host.dir}/exec-pid`;
  await host.ok('exec', '--detach', '--pid-file', pidFile, 'exec', 'sleep', '999');
  const pid = readFileSync(pidFile, 'utf8');
  assert.match(readFileSync(`/proc/${pid}/cmdline`, 'latin1'), /^sleep\x00999/);
  await host.ok('kill', '--all', 'exec', 'KILL');
  await host.ok('delete', '--force', 'exec');
});

test('pause and resume', async () => {
  const bundle = await host.bundle(['sleep', '1000']);
  await host.ok('run', '-d', '--bundle', bundle, 'paused');
  await host.ok('pause', 'paused');
  assert.equal((await host.state('paused')).status, 'paused');
  assert.match(await host.fails(255, 'exec', 'paused', 'true'), /cannot exec in a paused container/);
  assert.match(await host.fails(1, 'pause', 'paused'), /it is paused/);
  await host.ok('resume', 'paused');
  assert.match(await host.fails(1, 'resume', 'paused'), /not paused but running/);
  await host.ok('exec', 'paused', 'true');
  await host.ok('pause', 'paused');
  await host.ok('delete', '--force', 'paused');
});

test('update changes limits, events shows what is used', async () => {
  const bundle = await host.bundle(['sleep', '1000']);
  await host.ok('run', '-d', '--bundle', bundle, 'limits');
  await host.ok('update', '--memory', '64m', '--pids-limit', '50', 'limits');
  const event = JSON.parse(await host.ok('events', '--stats', 'limits'));
  assert.equal(event.type, 'stats');
  assert.equal(event.data.memory.usage.limit, 64 * 2 ** 20);
  assert.equal(event.data.pids.limit, 50);
  const resources = JSON.stringify({ memory: { limit: 32 * 2 ** 20 }, pids: { limit: 0 } });
  assert.equal((await host.run(['update', '-r', '-', 'limits'], { input: resources })).code, 0);
  assert.equal(
    JSON.parse(await host.ok('events', '--stats', 'limits')).data.memory.usage.limit,
    32 * 2 ** 20,
  );
  assert.match(await host.fails(1, 'update', '--memory', 'lots', 'limits'), /--memory "lots" is no number/);
  await host.ok('delete', '--force', 'limits');
});

test('a config.json that changes after create has no effect', async () => {
  const bundle = await host.bundle(['sh', '-c', 'echo first']);
  const out = `${host.dir}/out`;
  const make = `exec "${EXECUTABLE}" oci --root "${host.root}" create --bundle "${bundle}" kept > "${out}" 2>&1`;
  const env = { MYDOCKER_ROOT: `${host.dir}/engine` };
  assert.equal((await command('sh', ['-c', make], { env })).code, 0);
  host.edit(bundle, (config) => {
    config.process.args = ['sh', '-c', 'echo second'];
    config.process.cwd = '/nowhere';
  });
  await host.ok('start', 'kept');
  await until('it has stopped', async () => (await host.state('kept')).status === 'stopped');
  assert.equal(readFileSync(out, 'utf8'), 'first\n');
  await host.ok('delete', 'kept');
  rmSync(out);
});

test('--preserve-fds hands descriptors on, and nothing else is open', async () => {
  const bundle = await host.bundle(['sh', '-c', 'read line <&3; echo "$line"; ls /proc/self/fd']);
  const script = `exec "${EXECUTABLE}" oci --root "${host.root}" run --preserve-fds 1 --bundle "${bundle}" fds 3< "$1" 5< /etc/passwd`;
  writeFileSync(`${host.dir}/line`, 'from descriptor 3\n');
  const env = { MYDOCKER_ROOT: `${host.dir}/engine` };
  const result = await command('sh', ['-c', script, 'sh', `${host.dir}/line`], { env });
  // 4 is ls's own, of the directory.
  assert.equal(result.stdout, 'from descriptor 3\n0\n1\n2\n3\n4\n', result.stderr);
});

test('the executable is a runtime by its name too: mydocker-oci', async () => {
  const link = `${host.dir}/mydocker-oci`;
  const made = await command('ln', ['-s', EXECUTABLE, link]);
  assert.equal(made.code, 0, made.stderr);
  const version = await command(link, ['--version']);
  assert.match(version.stdout, /^mydocker-oci version \S+\nspec: 1\.\d+\.\d+\n$/);
  const list = await command(link, ['--root', host.root, 'list'], {
    env: { MYDOCKER_ROOT: `${host.dir}/engine` },
  });
  assert.match(list.stdout, /^ID +PID +STATUS/);
});

test('spec and features are JSON that says what there is', async () => {
  const features = JSON.parse(await host.ok('features'));
  assert.equal(features.ociVersionMin, '1.0.0');
  assert.equal(features.hooks.length, 6);
  assert.ok(features.mountOptions.includes('rro'));
  const bundle = await host.bundle(['true']);
  assert.match(await host.fails(1, 'spec', '--bundle', bundle), /there is one already/);
});
