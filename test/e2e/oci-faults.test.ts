/** Exhaustive fault injection in the OCI runtime: every step of create, start and exec fails once; nothing is left of it. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { type AnyConfig, OciHost } from './bundle.ts';
import { processes, type Result, until } from './harness.ts';

const LANES = 3;
const lanes = Array.from({ length: LANES }, () => new OciHost());
const SH = '/bin/sh';

const hook = (...words: string[]): object => ({ path: SH, args: ['sh', '-c', words.join(';')] });

/** Every feature that adds a step of another kind. */
function everything(host: OciHost): (config: AnyConfig) => void {
  return (config) => {
    mkdirSync(`${host.dir}/data`, { recursive: true });
    writeFileSync(`${host.dir}/data/kept`, 'kept\n');
    config.process.args = ['sleep', '1000'];
    config.process.user = { uid: 7, gid: 8, additionalGids: [9], umask: 0o27 };
    config.process.oomScoreAdj = 5;
    config.process.scheduler = { policy: 'SCHED_BATCH', nice: 1 };
    config.process.ioPriority = { class: 'IOPRIO_CLASS_IDLE' };
    config.domainname = 'example.org';
    config.mounts.push(
      { destination: '/etc', type: 'tmpfs', source: 'tmpfs', options: ['tmpcopyup', 'ro'] },
      { destination: '/data', type: 'bind', source: `${host.dir}/data`, options: ['rbind', 'ro'] },
      { destination: '/kept', type: 'bind', source: `${host.dir}/data/kept`, options: ['bind', 'slave'] },
    );
    config.hooks = {
      createRuntime: [hook('exit 0')],
      createContainer: [hook('exit 0')],
      startContainer: [hook('exit 0')],
      poststop: [hook(`echo gone > "${host.dir}/poststop"`)],
    };
    Object.assign(config.linux, {
      sysctl: { 'net.ipv4.ip_forward': '1' },
      devices: [{ type: 'c', path: '/dev/mine', major: 1, minor: 5, fileMode: 0o640, uid: 3, gid: 4 }],
      rootfsPropagation: 'rslave',
      personality: { domain: 'LINUX' },
      timeOffsets: { boottime: { secs: 5 } },
      seccomp: { defaultAction: 'SCMP_ACT_ALLOW' },
      maskedPaths: ['/proc/kcore'],
      readonlyPaths: ['/proc/sys'],
    });
    config.linux.namespaces.push({ type: 'time' });
    Object.assign(config.linux.resources, {
      memory: { limit: 2 ** 26 },
      pids: { limit: 50 },
      cpu: { shares: 512 },
    });
  };
}

const shims = (host: OciHost): number => processes(`${host.dir}/engine/bin/shim-`).length;

function checkFailure(result: Result, verb: string, n: number): void {
  const output = result.stderr.trim();
  assert.match(output, new RegExp(`^mydocker: cannot ${verb} container "one": step ${n}, [^\n]*EIO[^\n]*$`));
  assert.equal(result.code, 1);
}

async function checkNothing(host: OciHost, n: number): Promise<void> {
  assert.deepEqual(host.left(), [], `after a fault at step ${n} nothing is left`);
  await until('its shim has ended', () => shims(host) === 0);
  assert.equal(readFileSync(`${host.dir}/data/kept`, 'utf8'), 'kept\n');
}

/** One fault; false when there is no such step. */
async function attempt(host: OciHost, bundle: string, n: number): Promise<'create' | 'start' | undefined> {
  const env = { MYDOCKER_FAIL_STEP: String(n) };
  const words = ['create', '--bundle', bundle, '--pid-file', `${host.dir}/pid`, 'one'];
  const created = await host.run(words, { env });
  if (created.code !== 0) {
    checkFailure(created, 'create', n);
    assert.equal(existsSync(`${host.dir}/pid`), false, 'no pid file');
    await checkNothing(host, n);
    return 'create';
  }
  const started = await host.run(['start', 'one']);
  if (started.code !== 0) {
    checkFailure(started, 'start', n);
    await until('it has stopped', async () => (await host.state('one')).status === 'stopped');
  }
  await host.ok('delete', ...(started.code === 0 ? ['--force'] : []), 'one');
  await checkNothing(host, n);
  return started.code === 0 ? undefined : 'start';
}

test('create and start: each step fails, is named, and nothing of the container is left', async () => {
  let next = 1;
  let last = Number.POSITIVE_INFINITY;
  const seen = { create: 0, start: 0 };
  await Promise.all(
    lanes.map(async (host) => {
      const bundle = await host.bundle([], everything(host));
      for (let n = next++; n < last; n = next++) {
        assert.ok(n < 1000, 'there is an end');
        const failed = await attempt(host, bundle, n);
        if (failed === undefined) last = Math.min(last, n);
        else seen[failed]++;
      }
      assert.equal(existsSync(`${host.dir}/poststop`), true, 'poststop hooks ran');
    }),
  );
  assert.ok(seen.create > 100, `steps of create: ${seen.create}`);
  assert.ok(seen.start >= 2, `steps of start: ${seen.start}`);
});

test('exec: each step fails, nothing was executed, and the container runs on', async () => {
  const [host] = lanes;
  assert.ok(host !== undefined);
  const bundle = await host.bundle(['sleep', '1000']);
  await host.ok('run', '-d', '--bundle', bundle, 'one');
  const words = ['exec', '--user', '7:8', 'one', 'sh', '-c', 'touch /dev/shm/ran; exit 9'];
  const { pid } = await host.state('one');
  let n = 1;
  for (; ; n++) {
    const result: Result = await host.run(words, { env: { MYDOCKER_FAIL_STEP: String(n) } });
    if (result.code === 9) break;
    assert.equal(result.code, 255, result.stderr);
    assert.match(result.stderr, new RegExp(`^mydocker: exec failed in container "one": step ${n}, .*EIO`));
    assert.equal(existsSync(`/proc/${pid}/root/dev/shm/ran`), false, `step ${n}`);
    assert.equal((await host.state('one')).status, 'running');
    assert.deepEqual(JSON.parse(await host.ok('ps', '--format', 'json', 'one')), [pid]);
  }
  assert.ok(n > 20, `steps: ${n}`);
  await host.ok('delete', '--force', 'one');
  await checkNothing(host, n);
});

test('create killed at any moment: delete --force takes back what there is', async () => {
  const [host] = lanes;
  assert.ok(host !== undefined);
  const bundle = await host.bundle([], everything(host));
  const { spawn } = await import('node:child_process');
  const { EXECUTABLE } = await import('./harness.ts');
  const { setTimeout: sleep } = await import('node:timers/promises');
  for (let ms = 0; ms < 100; ms += 5) {
    const child = spawn(EXECUTABLE, ['oci', '--root', host.root, 'create', '--bundle', bundle, 'one'], {
      stdio: 'ignore',
      env: { PATH: process.env.PATH ?? '', MYDOCKER_ROOT: `${host.dir}/engine` },
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    await sleep(ms);
    child.kill('SIGKILL');
    await ended;
    await until('its shim has ended or waits', () => shims(host) <= 1);
    await host.ok('delete', '--force', 'one');
    await until('nothing is left', async () => {
      await host.ok('delete', '--force', 'one');
      return host.left().length === 0 && shims(host) === 0;
    });
  }
});
