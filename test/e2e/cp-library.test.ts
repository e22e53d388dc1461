/** The files of containers through the library: what the Docker API needs of it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { Engine } from '../../src/engine/index.ts';
import { leftovers } from './harness.ts';

const root = mkdtempSync('/var/tmp/mydocker-e2e-');
const directory = mkdtempSync('/var/tmp/mydocker-files-');
const engine = new Engine({ root, defaultNetwork: 'none' });
const { containers } = engine;
after(async () => {
  for (const { id } of await containers.list()) await containers.remove(id, { force: true });
  assert.deepEqual(leftovers(root), []);
  rmSync(root, { recursive: true, force: true });
  rmSync(directory, { recursive: true });
});

before(async () => {
  const bird = await containers.create({ image: 'busybox', command: ['sleep', '3600'], name: 'bird' });
  await bird.start();
  const script = [
    'mkdir -p /d/e; echo x > /d/f; chown 3:4 /d/f; chmod 4711 /d/f; touch -d "2001-02-03 04:05:06" /d/f',
    'ln -s /d /ld; ln -s e/../f /d/lf; ln -s nowhere /d/ln; ln -s ../../../etc /d/out; mkfifo /d/p',
  ];
  assert.equal((await bird.exec(['sh', '-c', script.join('; ')])).exitCode, 0);
});

async function* chunks(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 700) yield bytes.subarray(at, at + 700);
}

const listed = (tar: Buffer): string[] =>
  execFileSync('tar', ['-t'], { input: tar, encoding: 'utf8' }).trimEnd().split('\n');

test('statPath() tells what a path is, and where a link leads from the container’s root', async () => {
  const file = await containers.statPath('bird', '/d/f');
  assert.deepEqual(file, {
    ...{ name: 'f', mode: 0o104711, uid: 3, gid: 4, sizeBytes: 2, mtimeS: 981173106, mtimeNs: 0 },
    ...{ linkTarget: '', targetMode: undefined },
  });
  const link = async (path: string) => {
    const { name, mode, linkTarget, targetMode } = await containers.statPath('bird', path);
    return [name, mode >> 12, linkTarget, targetMode === undefined ? undefined : targetMode >> 12];
  };
  assert.deepEqual(await link('/ld'), ['ld', 10, '/d', 4]);
  assert.deepEqual(await link('/d/lf'), ['lf', 10, '/d/f', 8]);
  assert.deepEqual(await link('/d/ln'), ['ln', 10, '/d/nowhere', undefined]);
  assert.deepEqual(await link('/d/out'), ['out', 10, '/etc', 4]);
  assert.deepEqual(await link('/ld/'), ['ld', 4, '', undefined]);
  assert.deepEqual(await link('/../../d/./e/..'), ['d', 4, '', undefined]);
  assert.deepEqual(await link('/'), ['/', 4, '', undefined]);
  await assert.rejects(containers.statPath('bird', '/none'), {
    code: 'NO_SUCH_PATH',
    errno: 'ENOENT',
    exitCode: 1,
  });
  await assert.rejects(containers.statPath('bird', 'a\0b'), { code: 'BAD_INPUT' });
  await assert.rejects(containers.statPath('none', '/'), { code: 'NO_SUCH_CONTAINER' });
});

test('copyFrom() roots the archive as Docker does', async () => {
  const first = async (path: string) => listed(await buffer(await containers.copyFrom('bird', path)))[0];
  assert.equal(await first('/d'), 'd/');
  assert.equal(await first('/d/'), 'd/');
  assert.equal(await first('/d/.'), './');
  assert.equal(await first('/d/f'), 'f');
  assert.equal(await first('/ld'), 'ld');
  assert.equal(await first('/ld/'), 'ld/');
  assert.equal(await first('d/e'), 'e/');
  await assert.rejects(buffer(await containers.copyFrom('bird', '/none')), { code: 'NO_SUCH_PATH' });
});

test('copyFrom() that is not read to its end leaves nothing behind', async () => {
  const { id } = await containers.create({ image: 'busybox', command: ['true'], name: 'partly' });
  for await (const chunk of await containers.copyFrom(id, '/bin')) {
    assert.ok(chunk.length > 0);
    break;
  }
  await containers.start(id, 'detached');
  assert.equal(await containers.wait(id), 0);
});

test('copyTo() merges, and lets directories and files take each other’s place only when told so', async () => {
  mkdirSync(`${directory}/t/a`, { recursive: true });
  mkdirSync(`${directory}/u/b`, { recursive: true });
  writeFileSync(`${directory}/t/a/x`, 'x');
  writeFileSync(`${directory}/t/b`, 'b');
  writeFileSync(`${directory}/u/a`, 'a');
  writeFileSync(`${directory}/u/b/y`, 'y');
  const tar = (name: string) =>
    execFileSync('tar', ['--owner=1042', '--group=1043', '-C', `${directory}/${name}`, '-c', 'a', 'b']);
  const bird = containers.get('bird');
  await bird.exec(['mkdir', '/to']);
  assert.equal(await containers.copyTo('bird', '/to', chunks(tar('t'))), 2);
  await assert.rejects(containers.copyTo('bird', '/to', chunks(tar('u'))), {
    code: 'CANNOT_REPLACE',
    subject: 'a',
  });
  const show = async () =>
    (await bird.exec(['sh', '-c', 'cd /to; find | sort; stat -c %u:%g a'])).stdout.text;
  assert.equal(await show(), '.\n./a\n./a/x\n./b\n1042:1043\n');
  await containers.copyTo('bird', '/to', chunks(tar('u')), { replace: true });
  assert.equal(await show(), '.\n./a\n./b\n./b/y\n1042:1043\n');
  await containers.copyTo('bird', '/ld', chunks(tar('t')), { owner: { uid: 1, gid: 2 } });
  assert.equal((await bird.exec(['stat', '-c', '%u:%g', '/d/b'])).stdout.text, '1:2\n');
  await assert.rejects(containers.copyTo('bird', '/d/f', chunks(tar('t'))), {
    code: 'NO_SUCH_PATH',
    errno: 'ENOTDIR',
  });
});

test('copyTo() follows the links of the container on the way, inside it', async () => {
  const bird = containers.get('bird');
  await bird.exec(['sh', '-c', 'mkdir -p /var /run; ln -s /run /var/run; ln -s ../../../../d /var/up']);
  mkdirSync(`${directory}/v/run/deep`, { recursive: true });
  mkdirSync(`${directory}/v/up`, { recursive: true });
  writeFileSync(`${directory}/v/run/deep/z`, 'z');
  writeFileSync(`${directory}/v/up/z`, 'z');
  const tar = execFileSync('tar', ['-C', `${directory}/v`, '-c', 'run/deep/z', 'up/z']);
  await containers.copyTo('bird', '/var', chunks(tar));
  assert.equal((await bird.exec(['cat', '/run/deep/z', '/d/z'])).stdout.text, 'zz');
});

test('diff() gives paths and kinds; a handle has it too', async () => {
  await using fresh = await containers.create({ image: 'busybox', command: ['touch', '/test'] });
  assert.deepEqual(await fresh.diff(), []);
  await fresh.start();
  await fresh.wait();
  assert.deepEqual(await fresh.diff(), [{ path: '/test', kind: 'added' }]);
  await assert.rejects(containers.diff('none'), { code: 'NO_SUCH_CONTAINER' });
});

test('onProgress() tells the bytes of content', async () => {
  writeFileSync(`${directory}/big`, Buffer.alloc(5_000_000, 'x'));
  const seen: number[] = [];
  const bytes = await containers.copyIn(`${directory}/big`, 'bird', '/big', {
    onProgress: (n) => seen.push(n),
  });
  assert.equal(bytes, 5_000_000);
  assert.ok(seen.length > 3 && seen.every((n, i) => n >= (seen[i - 1] ?? 0)), `${seen.length}`);
});
