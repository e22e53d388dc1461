/** `cp` against containers that want more than they are given. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { after, before, test } from 'node:test';
import { Host, until } from './harness.ts';

const host = new Host();
const directory = mkdtempSync('/var/tmp/mydocker-files-');
after(() => rmSync(directory, { recursive: true }));
const here = (name: string): string => `${directory}/${name}`;

/** Exchanges two names as fast as it can: what CVE-2018-15664 was shown with. */
const SWAP = `
#define _GNU_SOURCE
#include <stdio.h>
#include <fcntl.h>
#include <unistd.h>
#include <sys/syscall.h>
int main(int argc, char **argv) {
  close(creat("/swapping", 0644));
  for (;;) if (syscall(SYS_renameat2, AT_FDCWD, argv[1], AT_FDCWD, argv[2], 2) < 0) { perror("renameat2"); return 1; }
}
`;

/** Leaves a mark when it is loaded: what CVE-2019-14271 did with libnss. */
const EVIL = `
extern char *getenv(const char *name);
extern int open(const char *path, int flags, ...);
__attribute__((constructor)) static void loaded(void) {
  const char *mark = getenv("MARK");
  open(mark ? mark : "/loaded", 0101 /* O_WRONLY|O_CREAT */, 0644);
}
`;

before(() => {
  writeFileSync(here('swap.c'), SWAP);
  writeFileSync(here('evil.c'), EVIL);
  mkdirSync(here('tools'));
  execFileSync('musl-gcc', ['-O1', '-static', '-o', here('tools/swap'), here('swap.c')]);
  execFileSync('gcc', ['-O1', '-shared', '-fPIC', '-nostdlib', '-o', here('evil.so'), here('evil.c')]);
});

/** A container in which two names are being exchanged; `script` makes them. */
async function swapping(
  name: string,
  script: string,
  names: [string, string],
  ...options: string[]
): Promise<void> {
  const line = `${script}; exec /tools/swap ${names.join(' ')}`;
  await host.ok(
    'run',
    '-d',
    '--name',
    name,
    '-v',
    `${here('tools')}:/tools:ro`,
    ...options,
    'busybox',
    'sh',
    '-c',
    line,
  );
  await until('it swaps', async () => (await host.run(['exec', name, 'ls', '/swapping'])).code === 0);
}

const ROUNDS = 60;

test('a link exchanged while copying out never shows a file of the host (CVE-2018-15664)', async () => {
  writeFileSync(here('flag'), 'HOST');
  const make = `mkdir -p /race/a ${directory}; echo INSIDE > /race/a/flag; echo LINKED > ${here('flag')}; ln -s ${directory} /race/b`;
  await swapping('out', make, ['/race/a', '/race/b']);
  const seen = new Map<string, number>();
  for (let i = 0; i < ROUNDS; i++) {
    rmSync(here('got'), { recursive: true, force: true });
    const path = i % 3 === 2 ? '/race/a' : '/race/a/flag';
    const { code, stderr } = await host.run([
      'cp',
      '-q',
      ...(i % 2 ? ['-L'] : []),
      `out:${path}`,
      here('got'),
    ]);
    if (code !== 0) {
      assert.equal(code, 1, stderr);
      continue;
    }
    const file = [here('got/flag'), here('got')].find((name) => existsSync(name)) ?? '';
    const isFile =
      file !== '' && !execFileSync('stat', ['-c', '%F', file], { encoding: 'utf8' }).includes('directory');
    if (!isFile || path === '/race/a') {
      // The link itself, or the directory with the flag in it.
      const isLink = execFileSync('stat', ['-c', '%F', here('got')], { encoding: 'utf8' }).includes('link');
      if (!isLink && existsSync(here('got/flag')))
        assert.match(readFileSync(here('got/flag'), 'utf8'), /INSIDE|LINKED/);
      continue;
    }
    const text = readFileSync(file, 'utf8').trim();
    assert.match(text, /^(INSIDE|LINKED)$/);
    seen.set(text, (seen.get(text) ?? 0) + 1);
  }
  assert.ok(
    (seen.get('INSIDE') ?? 0) > 0 && (seen.get('LINKED') ?? 0) > 0,
    `both were met: ${[...seen].join(' ')}`,
  );
  await host.ok('rm', '-f', 'out');
});

test('a link exchanged while copying in never changes a file of the host (CVE-2018-15664)', async () => {
  writeFileSync(here('flag'), 'HOST');
  writeFileSync(here('new'), 'NEW');
  mkdirSync(here('many/deep'), { recursive: true });
  for (let i = 0; i < 30; i++) writeFileSync(here(`many/deep/${i}`), 'NEW');
  const before = readdirSync(directory).sort();
  const make = `mkdir -p /race/a ${directory}; ln -s ${directory} /race/b`;
  await swapping('in', make, ['/race/a', '/race/b']);
  let done = 0;
  for (let i = 0; i < ROUNDS; i++) {
    const args = i % 2 ? [here('new'), 'in:/race/a/flag'] : [here('many/.'), 'in:/race/a'];
    const { code, stderr } = await host.run(['cp', '-q', ...args]);
    if (code === 0) done++;
    else assert.equal(code, 1, stderr);
  }
  assert.ok(done > 0);
  assert.equal(readFileSync(here('flag'), 'utf8'), 'HOST');
  assert.deepEqual(readdirSync(directory).sort(), before);
  const both = await host.ok('exec', 'in', 'sh', '-c', `ls ${directory} | wc -l; ls -d /race/*/deep | wc -l`);
  assert.match(both, /^[1-9]\d*\n[1-9]$/, 'both places in the container were met');
  await host.ok('rm', '-f', 'in');
});

test('a container that changes the directory of the host it is copied to cannot choose another', async () => {
  mkdirSync(here('shared/sub'), { recursive: true });
  mkdirSync(here('victim'));
  const make = `mkdir /src /src/sub; for i in $(seq 40); do echo x > /src/sub/$i; done; ln -s ${here('victim')} /shared/b`;
  await swapping('chooser', make, ['/shared/sub', '/shared/b'], '-v', `${here('shared')}:/shared`);
  let refused = 0;
  for (let i = 0; i < ROUNDS; i++) {
    const { code, stderr } = await host.run(['cp', '-q', 'chooser:/src/.', here('shared')]);
    if (code !== 0) {
      refused++;
      assert.match(stderr, /no directory|is a symbolic link/);
    }
  }
  assert.ok(refused > 0, 'the link was met');
  assert.deepEqual(readdirSync(here('victim')), []);
  await host.ok('rm', '-f', 'chooser');
});

test('no library, loader, or name service of the container is loaded (CVE-2019-14271)', async () => {
  execFileSync('true', { env: { LD_PRELOAD: here('evil.so'), MARK: here('mark'), PATH: process.env.PATH } });
  assert.ok(existsSync(here('mark')), 'the library does leave a mark where it is loaded');
  const places = [
    '/lib',
    '/lib64',
    '/usr/lib',
    '/lib/x86_64-linux-gnu',
    '/usr/lib/x86_64-linux-gnu',
    '/lib/aarch64-linux-gnu',
  ];
  const names = [
    'libnss_files.so.2',
    'libnss_compat.so.2',
    'libnss_dns.so.2',
    'libc.so.6',
    'libgcc_s.so.1',
    'ld-linux-x86-64.so.2',
  ];
  const plant = places.map(
    (place) => `mkdir -p ${place}; for n in ${names.join(' ')}; do cp /evil/evil.so ${place}/$n; done`,
  );
  const config =
    'echo /lib/libc.so.6 > /etc/ld.so.preload; echo "passwd: files evil" > /etc/nsswitch.conf; mkdir /data; echo x > /data/x; chown 77:77 /data/x';
  mkdirSync(here('evil'));
  copyFileSync(here('evil.so'), here('evil/evil.so'));
  const script = `${plant.join('; ')}; ${config}; echo ready; exec sleep 3600`;
  await host.ok(
    'run',
    '-d',
    '--name',
    'nss',
    '-v',
    `${here('evil')}:/evil:ro`,
    'busybox',
    'sh',
    '-c',
    script,
  );
  await until('it is planted', async () => (await host.ok('logs', 'nss')).includes('ready'));
  const id = await host.ok('inspect', '-f', '{{.Id}}', 'nss');
  for (const state of ['running', 'stopped']) {
    await host.ok('cp', '-aq', 'nss:/data', here(`data-${state}`));
    await host.ok('cp', '-aq', here(`data-${state}`), `nss:/back-${state}`);
    await host.ok('diff', 'nss');
    await host.ok('export', '-o', here('nss.tar'), 'nss');
    assert.ok(!existsSync(`${host.root}/containers/${id}/upper/loaded`), state);
    assert.ok(!existsSync('/loaded'), state);
    await host.ok('stop', 'nss');
  }
});

test('a fifo exchanged with a file neither holds the copy nor is opened', async () => {
  await swapping('pipes', 'mkdir /race; echo x > /race/a; mkfifo /race/b', ['/race/a', '/race/b']);
  for (let i = 0; i < 20; i++) {
    rmSync(here('pipe'), { recursive: true, force: true });
    await host.ok('cp', '-q', 'pipes:/race', here('pipe'));
    assert.deepEqual(readdirSync(here('pipe')), ['a', 'b']);
  }
  await host.ok('rm', '-f', 'pipes');
});

test('the magic links of /proc, which lead out of any root, are not followed', async () => {
  const make = 'ln -s /proc/self/root /jump; ln -s /proc/1/cwd /cwd; sleep 3600';
  await host.ok('run', '-d', '--name', 'magic', 'busybox', 'sh', '-c', make);
  await until(
    'they are made',
    async () => (await host.run(['exec', 'magic', 'ls', '-d', '/cwd'])).code === 0,
  );
  for (const path of [
    '/jump/etc/passwd',
    '/proc/1/root/etc/passwd',
    '/proc/self/root/etc/passwd',
    '/cwd/etc/passwd',
    '/dev/fd/0',
  ]) {
    const said = await host.fails(1, 'cp', `magic:${path}`, here('magic'));
    assert.match(said, /no such file|into \/proc/, path);
    assert.match(
      await host.fails(1, 'cp', here('swap.c'), `magic:${path}/x`),
      /no such file|into \/proc|no directory/,
      path,
    );
  }
  await host.ok('rm', '-f', 'magic');
});

test('a copy of everything leaves out what the kernel makes up, and ends', async () => {
  await host.ok('run', '-d', '--name', 'whole', 'busybox', 'sleep', '3600');
  await host.ok('cp', '-aq', 'whole:/', here('whole'));
  assert.deepEqual(readdirSync(here('whole/proc')), []);
  assert.deepEqual(readdirSync(here('whole/sys')), []);
  assert.ok(readdirSync(here('whole/bin')).length > 100);
  assert.ok(existsSync(here('whole/dev/null')));
  assert.match(await host.fails(1, 'cp', 'whole:/proc/version', here('v')), /the kernel makes it up/);
  await host.ok('rm', '-f', 'whole');
});
