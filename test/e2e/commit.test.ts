/** `commit`: a container's writes, and only those, become an image that runs like any other. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { pack } from 'tar-stream';
import { EXECUTABLE, Host, NO_NETWORK, until } from './harness.ts';

const host = new Host();
const directory = mkdtempSync('/var/tmp/mydocker-files-');
after(() => rmSync(directory, { recursive: true }));
const inImage = (image: string, script: string) => host.ok('run', '--rm', image, 'sh', '-c', script);

async function made(name: string, script: string, ...options: string[]): Promise<void> {
  const { code, stderr } = await host.run(['run', '--name', name, ...options, 'busybox', 'sh', '-c', script]);
  assert.equal(code, 0, stderr);
}

test('commit keeps writes, modes, owners, times, symlinks and hard links', async () => {
  const script = [
    'mkdir -p /data/sub && echo one > /data/one && chown 12:34 /data/one && chmod 4750 /data/one',
    'ln /data/one /data/sub/two && ln -s ../one /data/sub/link && touch -d "2001-02-03 04:05:06" /data/sub',
    'mkfifo /data/fifo; echo changed >> /etc/passwd; printf "" > "/data/ü \n x"',
  ].join('; ');
  await made('writer', script);
  assert.match(await host.ok('commit', 'writer', 'written:v1'), /^sha256:[0-9a-f]{64}$/);
  const check =
    'cd /data; stat -c "%a %u:%g %h %i" one sub/two | uniq | wc -l; stat -c "%a %u:%g %h" one; readlink sub/link; stat -c %Y sub; tail -1 /etc/passwd; [ -p fifo ] && ls | wc -l';
  assert.equal(await inImage('written:v1', check), '1\n4750 12:34 2\n../one\n981173106\nchanged\n4');
});

test('commit keeps deletions, and directories that replaced others', async () => {
  const script =
    'rm -r /var /home; rm /etc/group; rm -rf /root; mkdir /root; echo new > /root/new; rm /bin/vi; mkdir /bin/vi';
  await made('remover', script);
  await host.ok('commit', 'remover', 'removed');
  assert.equal(
    await inImage(
      'removed',
      'ls -d /var /home /etc/group 2>/dev/null | wc -l; ls -A /root; [ -d /bin/vi ] && echo dir',
    ),
    '0\nnew\ndir',
  );
});

test('a directory of the image that is removed and made again does not show its old content, also two commits deep', async () => {
  await made('deep1', 'mkdir /d; echo old > /d/old; echo keep > /keep');
  await host.ok('commit', 'deep1', 'deep:1');
  assert.equal(
    (
      await host.run([
        'run',
        '--name',
        'deep2',
        'deep:1',
        'sh',
        '-c',
        'rm -r /d; mkdir /d; echo new > /d/new',
      ])
    ).code,
    0,
  );
  await host.ok('commit', 'deep2', 'deep:2');
  assert.equal(
    (await host.run(['run', '--name', 'deep3', 'deep:2', 'sh', '-c', 'echo third > /d/third; rm /keep']))
      .code,
    0,
  );
  await host.ok('commit', 'deep3', 'deep:3');
  assert.equal(await inImage('deep:3', 'ls /d; ls /keep 2>/dev/null | wc -l'), 'new\nthird\n0');
  assert.equal(await inImage('deep:1', 'ls /d /keep'), '/keep\n\n/d:\nold');
});

test('commit keeps Env, Cmd, working directory and user of the container; -c, -m and -a change and note', async () => {
  const id = await host.ok(
    'create',
    '--name',
    'conf',
    '-e',
    'A=1',
    '-w',
    '/etc',
    '-u',
    '5:6',
    'busybox',
    'sh',
    '-c',
    'echo $A; pwd; id -u',
  );
  await host.ok('commit', id, 'conf:plain');
  assert.equal(await host.ok('run', '--rm', 'conf:plain'), '1\n/etc\n5');
  await host.ok(
    'commit',
    '-m',
    'a message',
    '-a',
    'Me <me@example.org>',
    '-c',
    'CMD ["echo", "two words"]',
    '--change',
    'ENV B=2',
    'conf',
    'conf:changed',
  );
  assert.equal(await host.ok('run', '--rm', 'conf:changed'), 'two words');
  const [image] = JSON.parse(await host.ok('inspect', 'conf:changed'));
  assert.equal(image.Comment, 'a message');
  assert.equal(image.Author, 'Me <me@example.org>');
  assert.ok(image.Config.Env.includes('A=1') && image.Config.Env.includes('B=2'));
  assert.ok(!image.Config.Env.some((entry: string) => entry.startsWith('HOSTNAME=')));
});

test('commit does not take the data of volumes, nor the files the engine puts in', async () => {
  writeFileSync(`${directory}/secret`, 'secret');
  await made(
    'vol',
    'ls /v; echo x > /v/more; echo own > /own; echo t > /t/tmp',
    '-v',
    `${directory}:/v`,
    '--tmpfs',
    '/t',
    '--hostname',
    'nest',
  );
  await host.ok('commit', 'vol', 'voluminous');
  assert.equal(
    await inImage(
      'voluminous',
      'ls -A /v /t | tr -d "\\n"; cat /own; grep -c nest /etc/hosts /etc/hostname'.replace(
        '; grep',
        '; ! grep',
      ),
    ),
    '/t:/v:own\n/etc/hosts:0\n/etc/hostname:0',
  );
  assert.ok(existsSync(`${directory}/more`));
});

test('commit without a name gives an image known by its id', async () => {
  const id = await host.ok('commit', 'conf');
  assert.match(
    await host.ok('images', '--no-trunc', '--format', '{{.Repository}} {{.ID}}'),
    new RegExp(`<none> ${id}`),
  );
  assert.equal(await host.ok('run', '--rm', id, 'echo', 'hi'), 'hi');
  await host.ok('rmi', id);
});

test('commit with a bad name or instruction leaves no image', async () => {
  const before = await host.ok('images', '-q');
  assert.match(await host.fails(125, 'commit', 'conf', 'Bad Name'), /Bad Name/);
  assert.match(await host.fails(125, 'commit', '-c', 'FLY', 'conf', 'x'), /FLY/);
  assert.match(await host.fails(1, 'commit', 'nobody', 'x'), /nobody/);
  assert.equal(await host.ok('images', '-q'), before);
});

/** Whether the container's cgroup is frozen, from the kernel's files. */
function frozen(id: string): boolean {
  const v1 = `/sys/fs/cgroup/freezer/mydocker/${id}/freezer.state`;
  if (existsSync(v1)) return readFileSync(v1, 'utf8').startsWith('FROZEN');
  return readFileSync(`/sys/fs/cgroup/mydocker/${id}/cgroup.events`, 'utf8').includes('frozen 1');
}

async function busyContainer(name: string): Promise<string> {
  const script =
    'mkdir /d; for i in $(seq 1 2000); do echo $i > /d/$i; done; head -c 60000000 /dev/urandom > /big; echo ready; while :; do date +%s%N > /tick; sleep 0.02; done';
  const id = await host.ok('run', '-d', '--name', name, 'busybox', 'sh', '-c', script);
  await until('it has written', async () => (await host.ok('logs', name)).includes('ready'), 120_000);
  return id;
}

/** A commit that strace holds by SIGSTOP at its first fsync: the container is read, and nothing of the image is there. */
async function heldCommit(
  name: string,
  image: string,
): Promise<{ pid: number; code: Promise<number | null> }> {
  const trace = `${directory}/trace-${image}`;
  const inject = ['-e', 'trace=fsync', '-e', 'inject=fsync:signal=SIGSTOP:when=1'];
  const child = spawn('strace', ['-f', '-o', trace, ...inject, EXECUTABLE, 'commit', name, image], {
    stdio: 'ignore',
    env: { PATH: process.env.PATH, ...NO_NETWORK, MYDOCKER_ROOT: host.root },
  });
  const code = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const stopped = () => existsSync(trace) && readFileSync(trace, 'utf8').includes('stopped by SIGSTOP');
  await until('it stands at its first fsync', stopped, 60_000);
  const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'latin1');
  return { pid: Number(children.trim()), code };
}

test('commit pauses a running container, and lets it go on', async () => {
  const id = await busyContainer('busy');
  const held = await heldCommit('busy', 'paused');
  assert.equal(frozen(id), true, 'frozen while it is read');
  process.kill(held.pid, 'SIGCONT');
  assert.equal(await held.code, 0);
  assert.equal(frozen(id), false);
  const tick = () => host.ok('exec', 'busy', 'cat', '/tick');
  const first = await tick();
  await until('it goes on', async () => (await tick()) !== first);
  assert.equal(await inImage('paused', 'ls /d | wc -l; stat -c %s /big'), '2000\n60000000');
});

test('a commit that is killed -9 half-way: the container is thawed, no image and no rest is left', async () => {
  const id = await host.ok('inspect', '-f', '{{.Id}}', 'busy');
  const images = await host.ok('images', '-q');
  const held = await heldCommit('busy', 'killed');
  assert.equal(frozen(id), true);
  process.kill(held.pid, 'SIGKILL');
  await held.code;
  await until('thawed', () => !frozen(id));
  await host.ok('exec', 'busy', 'true');
  assert.equal(await host.ok('images', '-q'), images);
  await host.ok('rm', '-f', 'busy');
  await host.ok('ps');
  const rest = readdirSync(`${host.root}/layers`).filter((name) => name.startsWith('.tmp'));
  assert.deepEqual(rest, [], 'what the killed one staged is swept');
});

test('commit keeps extended attributes of a file that the container changed', async () => {
  await made('packer', 'tar -cf /out/root.tar bin', '-v', `${directory}:/out`);
  const marked = pack();
  marked.entry({ name: 'marked', pax: { 'SCHILY.xattr.user.colour': 'blue as the sea' } }, 'x');
  marked.finalize();
  // Without its two zero blocks the first archive ends nowhere: the second follows in the same one.
  const added = await buffer(marked);
  const root = readFileSync(`${directory}/root.tar`);
  writeFileSync(`${directory}/both.tar`, Buffer.concat([added.subarray(0, 2560 - 512), root]));
  await host.ok('import', `${directory}/both.tar`, 'coloured');
  const { code, stderr } = await host.run([
    'run',
    '--name',
    'painter',
    'coloured',
    'chmod',
    '600',
    '/marked',
  ]);
  assert.equal(code, 0, stderr);
  const image = await host.ok('commit', 'painter');
  const blobs = `${host.root}/images/blobs/sha256`;
  const [inspected] = JSON.parse(await host.ok('inspect', image));
  const layer = readFileSync(`${blobs}/${inspected.RootFS.Layers.at(-1).slice(7)}`);
  assert.ok(layer.includes('SCHILY.xattr.user.colour=blue as the sea\n'));
});
