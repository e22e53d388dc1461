/** Hooks of all six kinds (config.md § POSIX-platform Hooks, runtime.md § Lifecycle). */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { test } from 'node:test';
import { type AnyConfig, OciHost } from './bundle.ts';
import { until } from './harness.ts';

const host = new OciHost();
const KINDS = ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop'];
const log = `${host.dir}/hooks`;

const hook = (script: string, more: object = {}): object => ({
  path: '/bin/sh',
  args: ['sh', '-c', script],
  env: ['PATH=/usr/bin:/bin', 'HOOK=yes'],
  ...more,
});

/** A line a hook, written by each of them, where it may write: the startContainer hook is inside. */
function logging(config: AnyConfig): void {
  const outside = (kind: string) =>
    hook(`echo "${kind} $(cat) pid:$(readlink /proc/self/ns/mnt) in:$(pwd) $HOOK" >> ${log}`);
  config.hooks = Object.fromEntries(KINDS.map((kind) => [kind, [outside(kind), outside(`${kind}-2`)]]));
  config.hooks.startContainer = [
    hook(
      'echo "startContainer $(cat) in:$(pwd) $HOOK" >> /log/hooks; test -e /inside && echo seen >> /log/hooks',
    ),
  ];
  config.mounts.push({ destination: '/log', type: 'bind', source: host.dir, options: ['rbind'] });
  config.process.args = ['sh', '-c', 'echo program >> /log/hooks; exec sleep 1000'];
  config.root.readonly = false;
  config.annotations = { 'org.example.a': 'b' };
}

function lines(): string[] {
  return existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n') : [];
}
const kinds = () => lines().map((line) => line.split(' ')[0]);

/** The state that a hook read. */
function stateIn(line: string | undefined): AnyConfig {
  const text = line ?? '';
  return JSON.parse(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1));
}

test('all six kinds run in order, in the right namespaces, with the state on standard input', async () => {
  rmSync(log, { force: true });
  const bundle = await host.bundle([], logging);
  const rootfs = `${bundle}/rootfs`;
  await host.run(['spec', '--bundle', host.dir]);
  const { writeFileSync } = await import('node:fs');
  writeFileSync(`${rootfs}/inside`, '');
  await host.ok('create', '--bundle', bundle, 'hooks');
  assert.deepEqual(kinds(), [
    ...['prestart', 'prestart-2', 'createRuntime', 'createRuntime-2'],
    ...['createContainer', 'createContainer-2'],
  ]);
  const { pid } = await host.state('hooks');
  await host.ok('start', 'hooks');
  await until('the program ran', () => kinds().includes('program'));
  assert.deepEqual(kinds().slice(6, 8), ['startContainer', 'seen']);
  assert.deepEqual([...kinds().slice(8)].sort(), ['poststart', 'poststart-2', 'program']);
  await host.ok('delete', '--force', 'hooks');
  assert.deepEqual(kinds().slice(11), ['poststop', 'poststop-2']);

  const own = `pid:${await import('node:fs').then(({ readlinkSync }) => readlinkSync('/proc/self/ns/mnt'))}`;
  for (const line of lines()) {
    const kind = line.split(' ')[0] ?? '';
    if (kind === 'program' || kind === 'seen') continue;
    assert.match(line, / yes$/, 'the environment is the hook’s own');
    const state = stateIn(line);
    assert.equal(state.id, 'hooks');
    assert.equal(state.bundle, realpathSync(bundle));
    assert.deepEqual(state.annotations, { 'org.example.a': 'b' });
    assert.match(state.ociVersion, /^1\.\d+\.\d+$/);
    const wanted = kind.startsWith('poststart')
      ? 'running'
      : kind.startsWith('poststop')
        ? 'stopped'
        : 'created';
    assert.equal(state.status, wanted, kind);
    // startContainer and createContainer hooks know process 1 by its own number.
    if (/^(prestart|createRuntime|poststart)/.test(kind)) assert.equal(state.pid, pid, kind);
    if (kind === 'startContainer') assert.match(line, / in:\/ /);
    else
      assert.equal(line.includes(own), !kind.startsWith('createContainer'), `${kind}: whose mounts it sees`);
  }
  assert.deepEqual(host.left(), []);
});

for (const kind of ['prestart', 'createRuntime', 'createContainer'])
  test(`a ${kind} hook that fails: create fails with its words, poststop hooks run, nothing is left`, async () => {
    rmSync(log, { force: true });
    const bundle = await host.bundle(['true'], (config) => {
      config.hooks = {
        [kind]: [hook('echo sorry >&2; exit 3'), hook(`echo never >> ${log}`)],
        poststop: [hook(`echo poststop >> ${log}`)],
      };
    });
    const pidFile = `${host.dir}/pid`;
    const line = await host.fails(1, 'create', '--bundle', bundle, '--pid-file', pidFile, 'fails');
    assert.match(line, new RegExp(`hooks\\.${kind}\\[0\\] /bin/sh: .*exit status 3: sorry`));
    assert.deepEqual(lines(), ['poststop']);
    assert.equal(existsSync(pidFile), false);
    assert.match(await host.fails(1, 'state', 'fails'), /does not exist/);
    assert.deepEqual(host.left(), []);
  });

test('a startContainer hook that fails: start fails, the program does not run', async () => {
  rmSync(log, { force: true });
  const bundle = await host.bundle(['sh', '-c', 'touch /dev/shm/ran; sleep 100'], (config) => {
    config.hooks = { startContainer: [hook('echo sorry >&2; exit 4')] };
  });
  await host.ok('create', '--bundle', bundle, 'fails');
  assert.match(await host.fails(1, 'start', 'fails'), /hooks\.startContainer\[0\] .*exit status 4: sorry/);
  await until('it has stopped', async () => (await host.state('fails')).status === 'stopped');
  await host.ok('delete', 'fails');
  assert.deepEqual(host.left(), []);
});

test('a poststart hook that fails: a warning up to 1.2.0, an error since 1.2.1; poststop: always a warning', async () => {
  const failing = (version: string) => (config: AnyConfig) => {
    config.ociVersion = version;
    config.hooks = {
      poststart: [hook('echo sorry; exit 5'), hook(`echo second >> ${log}`)],
      poststop: [hook('exit 6'), hook(`echo poststop >> ${log}`)],
    };
  };
  rmSync(log, { force: true });
  const old = await host.bundle(['sleep', '1000'], failing('1.0.2'));
  await host.ok('create', '--bundle', old, 'old');
  const started = await host.run(['start', 'old']);
  assert.equal(started.code, 0, started.stderr);
  assert.match(started.stderr, /hook \/bin\/sh failed: exit status 5: sorry/);
  assert.equal((await host.state('old')).status, 'running');
  assert.deepEqual(lines(), ['second']);
  const deleted = await host.run(['delete', '--force', 'old']);
  assert.equal(deleted.code, 0);
  assert.match(deleted.stderr, /hook \/bin\/sh failed: exit status 6/);
  assert.deepEqual(lines(), ['second', 'poststop']);

  rmSync(log, { force: true });
  const recent = await host.bundle(['sleep', '1000'], failing('1.2.1'));
  await host.ok('create', '--bundle', recent, 'recent');
  const failed = await host.run(['start', 'recent']);
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /hooks\.poststart\[0\] .*exit status 5: sorry/);
  assert.deepEqual(lines(), ['poststop'], 'it is taken back, poststop hooks and all');
  assert.deepEqual(host.left(), []);
});

test('a hook that takes too long is killed; one that is not there is told of', async () => {
  const slow = await host.bundle(['true'], (config) => {
    config.hooks = { prestart: [hook('sleep 1000', { timeout: 1 })] };
  });
  assert.match(await host.fails(1, 'create', '--bundle', slow, 'slow'), /did not end in time and was killed/);
  const missing = await host.bundle(['true'], (config) => {
    config.hooks = { createRuntime: [{ path: '/no/such/hook' }] };
  });
  assert.match(
    await host.fails(1, 'create', '--bundle', missing, 'missing'),
    /hooks\.createRuntime\[0\] \/no\/such\/hook: .*no such file/,
  );
  assert.deepEqual(host.left(), []);
});

test('hooks see the mounts of the container before its root changes', async () => {
  rmSync(log, { force: true });
  const bundle = await host.bundle(['cat', '/tmp/from-hook'], (config) => {
    config.mounts.push({ destination: '/tmp', type: 'tmpfs', source: 'tmpfs' });
  });
  host.edit(bundle, (config) => {
    config.hooks = { createContainer: [hook(`echo made by a hook > ${bundle}/rootfs/tmp/from-hook`)] };
  });
  const result = await host.run(['run', '--bundle', bundle, 'sees']);
  assert.deepEqual([result.code, result.stdout], [0, 'made by a hook\n'], result.stderr);
  assert.equal(existsSync(`${bundle}/rootfs/tmp/from-hook`), false, 'written into the mount, not below it');
});
