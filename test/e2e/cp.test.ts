/** `cp`: files into containers and out of them, with all that belongs to them. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { after, before, test } from 'node:test';
import { makeTree } from './cp-tree.ts';
import { EXECUTABLE, Host } from './harness.ts';
import { treeOf } from './tree.ts';

const host = new Host();
const directory = mkdtempSync('/var/tmp/mydocker-files-');
after(() => rmSync(directory, { recursive: true }));
const here = (name: string): string => `${directory}/${name}`;

before(async () => {
  mkdirSync(here('tree'));
  makeTree(here('tree'));
  mkdirSync(here('bound/empty'), { recursive: true });
  mkdirSync(here('boundro'));
  writeFileSync(here('boundro/file'), 'read me');
  const mounts = ['-v', `${here('bound')}:/bound`, '-v', `${here('boundro')}:/boundro:ro`, '--tmpfs', '/mem'];
  await host.ok('run', '-d', '--name', 'running', ...mounts, 'busybox', 'sleep', '3600');
  await host.ok('create', '--name', 'created', ...mounts, 'busybox', 'true');
  await host.ok('run', '--name', 'stopped', ...mounts, 'busybox', 'true');
});

/** A line of shell with the program's root in its environment; its standard output. */
function sh(script: string): string {
  const env = { ...process.env, MYDOCKER_ROOT: host.root };
  return execFileSync('sh', ['-c', script], { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'ignore'] });
}

const STATES = ['running', 'created', 'stopped'];

/** Blocks of 512 bytes on the disk. */
const blocks = (path: string): number => lstatSync(path).blocks;

for (const name of STATES) {
  test(`cp -a in and out of a ${name} container keeps everything of every kind of file`, async () => {
    await host.ok('cp', '-aq', here('tree'), `${name}:/tree`);
    await host.ok('cp', '-aq', `${name}:/tree`, here(`back-${name}`));
    const ns = { nanoseconds: true };
    assert.deepEqual(treeOf(here(`back-${name}`), ns), treeOf(here('tree'), ns));
    assert.ok(blocks(here(`back-${name}/sparse`)) < 1000, 'holes are holes');
    assert.equal(blocks(here(`back-${name}/all hole`)), 0);
    const inside = `${host.root}/containers/${await host.ok('inspect', '-f', '{{.Id}}', name)}/upper/tree`;
    assert.ok(blocks(`${inside}/sparse`) < 1000, 'in the container too');
  });
}

test('cp without -a: in the container everything is root’s, here the caller’s', async () => {
  await host.ok('cp', here('tree/setuid'), 'running:/plain');
  assert.equal(await host.ok('exec', 'running', 'stat', '-c', '%u:%g %a', '/plain'), '0:0 4755');
  await host.ok('exec', 'running', 'chown', '5:6', '/plain');
  await host.ok('cp', 'running:/plain', here('mine'));
  assert.deepEqual(
    [statSync(here('mine')).uid, statSync(here('mine')).gid],
    [process.geteuid?.(), process.getegid?.()],
  );
  await host.ok('cp', '-a', 'running:/plain', here('theirs'));
  assert.deepEqual([statSync(here('theirs')).uid, statSync(here('theirs')).gid], [5, 6]);
});

/** Source, destination, and what is there afterwards; or the error. Paths are below a fresh directory. */
const RULES: ReadonlyArray<readonly [from: string, to: string, result: string | RegExp]> = [
  ['file', 'new', 'new=file'],
  ['file', 'new/', /no such directory/],
  ['file', 'other', 'other=file'],
  ['file', 'other/', /no directory/],
  ['file', 'dir', 'dir/file=file'],
  ['file', 'dir/', 'dir/file=file'],
  ['file', 'dir/.', 'dir/file=file'],
  ['file', 'dir/new', 'dir/new=file'],
  ['file', 'missing/new', /no such|no directory/],
  ['src', 'new', 'new/f=in src'],
  ['src', 'new/', 'new/f=in src'],
  ['src/', 'dir', 'dir/src/f=in src'],
  ['src', 'dir', 'dir/src/f=in src'],
  ['src/.', 'dir', 'dir/f=in src'],
  ['src/.', 'new', 'new/f=in src'],
  ['src', 'other', /a file stands there/],
  ['src/.', 'other', /a file stands there/],
  ['src', 'missing/new', /no such|no directory/],
  ['file/', 'new', /no directory|not a directory/],
  ['file/.', 'new', /no directory|not a directory/],
  ['nothing', 'new', /no such file/],
  ['src', 'taken', /a directory stands there|no directory/],
  ['file', 'clash', /a directory stands there/],
  ['src', 'dirlink', 'dir/src/f=in src'],
  ['file', 'filelink', 'other=file'],
  ['link', 'new', 'new->file'],
  ['link', 'dir', 'dir/link->file'],
  ['srclink', 'new', 'new->src'],
  ['srclink/', 'new', 'new/f=in src'],
  ['srclink/.', 'dir', 'dir/f=in src'],
];

function makeSides(base: string): void {
  for (const dir of ['src', 'dir', 'taken', 'clash/file']) mkdirSync(`${base}/${dir}`, { recursive: true });
  writeFileSync(`${base}/file`, 'file');
  writeFileSync(`${base}/src/f`, 'in src');
  writeFileSync(`${base}/other`, 'other');
  writeFileSync(`${base}/taken/src`, 'a file where a directory would go');
  symlinkSync('file', `${base}/link`);
  symlinkSync('src', `${base}/srclink`);
  symlinkSync('dir', `${base}/dirlink`);
  symlinkSync('other', `${base}/filelink`);
}

function check(base: string, result: string, what: string): void {
  const [, path = '', sign, value] = /^(.*?)(=|->)(.*)$/.exec(result) ?? [];
  if (sign === '->')
    assert.equal(execFileSync('readlink', [`${base}/${path}`], { encoding: 'utf8' }).trim(), value, what);
  else assert.equal(readFileSync(`${base}/${path}`, 'utf8'), value, what);
}

for (const direction of ['in', 'out'] as const) {
  test(`cp ${direction}: the rules of docker cp for what is there, "/" and "/."`, async () => {
    for (const [i, [from, to, result]] of RULES.entries()) {
      const [source, destination] = [here(`bound/${direction}${i}-source`), here(`bound/${direction}${i}`)];
      mkdirSync(source);
      mkdirSync(destination);
      makeSides(source);
      makeSides(destination);
      const inside = (path: string) => `running:${path.replace(directory, '')}`;
      const args =
        direction === 'in'
          ? [`${source}/${from}`, inside(`${destination}/${to}`)]
          : [inside(`${source}/${from}`), `${destination}/${to}`];
      const { code, stderr } = await host.run(['cp', '-q', ...args]);
      const what = `${from} -> ${to}: ${code} ${stderr}`;
      if (typeof result === 'string') {
        assert.equal(code, 0, what);
        check(destination, result, what);
      } else {
        assert.equal(code, 1, what);
        assert.match(stderr, result, what);
        assert.equal(stderr.trimEnd().split('\n').length, 1, what);
        const untouched = here('untouched');
        mkdirSync(untouched);
        makeSides(untouched);
        const plain = (path: string) => treeOf(path).map((line) => line.split('|').toSpliced(5, 1).join('|'));
        assert.deepEqual(plain(destination), plain(untouched), `${what}: nothing is changed`);
        rmSync(untouched, { recursive: true });
      }
    }
  });
}

test('cp -L follows the link that is named, both ways; a link that leads nowhere is followed to where it leads', async () => {
  await host.ok(
    'exec',
    'running',
    'sh',
    '-c',
    'mkdir /ln; echo target > /ln/t; ln -s /ln/t /ln/l; ln -s /ln/made /ln/nowhere',
  );
  await host.ok('cp', '-L', 'running:/ln/l', here('followed'));
  assert.equal(readFileSync(here('followed'), 'utf8'), 'target\n');
  symlinkSync(here('followed'), here('locallink'));
  await host.ok('cp', '-L', here('locallink'), 'running:/ln/in');
  assert.equal(await host.ok('exec', 'running', 'sh', '-c', '[ -L /ln/in ] || cat /ln/in'), 'target');
  await host.ok('cp', here('followed'), 'running:/ln/nowhere');
  assert.equal(await host.ok('exec', 'running', 'cat', '/ln/made'), 'target');
  assert.match(
    await host.fails(1, 'cp', '-L', 'running:/tree/dangling', here('x')),
    /no such file.*\/tree\/dangling/,
  );
});

test('cp CONTAINER:PATH - writes a tar that GNU tar reads, sparse files as such', async () => {
  const tar = here('stream.tar');
  sh(`"${EXECUTABLE}" cp running:/tree - > ${tar}`);
  assert.ok(statSync(tar).size < 8 * 2 ** 20, 'no hole is written out');
  mkdirSync(here('untarred'));
  sh(`tar --xattrs --xattrs-include='*' --numeric-owner -xpSf ${tar} -C ${here('untarred')}`);
  assert.deepEqual(
    treeOf(here('untarred/tree'), { nanoseconds: true }),
    treeOf(here('tree'), { nanoseconds: true }),
  );
  const names = sh(`"${EXECUTABLE}" cp running:/tree/. - | tar -t | head -2`);
  assert.match(names, /^\.\/\n\.\//);
});

for (const name of STATES) {
  test(`cp - CONTAINER:DIRECTORY unpacks a tar, plain and compressed, with its owners, in a ${name} container`, async () => {
    for (const [how, flag] of Object.entries({ plain: '', gzip: 'z' })) {
      await host.ok('cp', '-q', here('bound/empty'), `${name}:/untar-${how}`);
      const tar = `tar -c${flag} --numeric-owner -C ${here('tree')} setuid sub`;
      sh(`${tar} | "${EXECUTABLE}" cp - ${name}:/untar-${how}`);
      await host.ok('cp', '-aq', `${name}:/untar-${how}/setuid`, here(`${how}-${name}`));
      const { uid, gid, mode } = statSync(here(`${how}-${name}`));
      assert.deepEqual([uid, gid, mode & 0o7777], [12, 34, 0o4755]);
    }
  });
}

test('cp sees what is mounted in the container: bind mounts in each state, tmpfs in a running one', async () => {
  for (const name of STATES) {
    writeFileSync(here(`bound/for-${name}`), name);
    await host.ok('cp', `${name}:/bound/for-${name}`, here(`from-${name}`));
    assert.equal(readFileSync(here(`from-${name}`), 'utf8'), name);
    await host.ok('cp', here('tree/plain'), `${name}:/bound/into-${name}`);
    assert.equal(readFileSync(here(`bound/into-${name}`), 'utf8'), 'plain\n');
    await host.ok('cp', `${name}:/boundro`, here(`ro-${name}`));
    assert.equal(readFileSync(here(`ro-${name}/file`), 'utf8'), 'read me');
    assert.match(await host.fails(1, 'cp', here('tree/plain'), `${name}:/boundro/x`), /read-only/);
    assert.deepEqual(readdirSync(here('boundro')), ['file']);
  }
  await host.ok('exec', 'running', 'sh', '-c', 'echo in memory > /mem/f');
  await host.ok('cp', 'running:/mem/f', here('mem'));
  assert.equal(readFileSync(here('mem'), 'utf8'), 'in memory\n');
  await host.ok('cp', here('mem'), 'running:/mem/g');
  assert.equal(await host.ok('exec', 'running', 'cat', '/mem/g'), 'in memory');
  assert.match(
    await host.fails(1, 'cp', here('mem'), 'stopped:/mem/g'),
    /\/mem is mounted when the container starts; start it first/,
  );
  assert.match(await host.fails(1, 'cp', here('mem'), 'created:/dev/g'), /\/dev is mounted when/);
});

test('cp to a container made with --read-only is refused, running or not; to a mount of it it is not', async () => {
  await host.ok(
    'run',
    '-d',
    '--read-only',
    '-v',
    `${here('bound')}:/bound`,
    '--name',
    'sealed',
    'busybox',
    'sleep',
    '3600',
  );
  for (const state of ['running', 'stopped']) {
    assert.match(await host.fails(1, 'cp', here('tree/plain'), 'sealed:/x'), /read-only/);
    await host.ok('cp', here('tree/plain'), `sealed:/bound/sealed-${state}`);
    assert.ok(existsSync(here(`bound/sealed-${state}`)));
    await host.ok('stop', 'sealed');
  }
  assert.equal(await host.ok('diff', 'sealed'), 'A /bound');
});

test('cp to a file that is a mount point changes its content', async () => {
  writeFileSync(here('hosts'), '127.0.0.1 changed\n');
  for (const name of STATES) {
    await host.ok('cp', here('hosts'), `${name}:/etc/hosts`);
    await host.ok('cp', `${name}:/etc/hosts`, here(`hosts-${name}`));
    assert.equal(readFileSync(here(`hosts-${name}`), 'utf8'), '127.0.0.1 changed\n');
  }
  assert.equal(await host.ok('exec', 'running', 'cat', '/etc/hosts'), '127.0.0.1 changed');
  await host.ok('start', 'stopped');
});

test('cp: what was copied into a created container is there when it runs', async () => {
  await host.ok('create', '--name', 'later', 'busybox', 'cat', '/message');
  writeFileSync(here('message'), 'hello from before\n');
  await host.ok('cp', here('message'), 'later:/message');
  assert.equal(await host.ok('start', '-a', 'later'), 'hello from before');
  assert.equal(await host.ok('diff', 'later'), 'A /message');
});

test('cp says what it copied, unless -q; nothing on standard output', async () => {
  const said = await host.run(['cp', here('tree/big'), 'running:/big']);
  assert.deepEqual([said.stdout, said.stderr], ['', 'Successfully copied 3.15MB to running:/big\n']);
  const quiet = await host.run(['cp', '-q', here('tree/big'), 'running:/big']);
  assert.deepEqual([quiet.stdout, quiet.stderr], ['', '']);
});
