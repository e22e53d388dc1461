/** `cp` of what cannot be copied: one line that says what, why and what to do, and nothing changed. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { command, EXECUTABLE, Host } from './harness.ts';

const host = new Host();
const directory = mkdtempSync('/var/tmp/mydocker-files-');
after(() => rmSync(directory, { recursive: true }));
const here = (name: string): string => `${directory}/${name}`;

before(async () => {
  writeFileSync(here('file'), 'file');
  mkdirSync(here('dir'));
  await host.ok('run', '-d', '--name', 'bird', '--tmpfs', '/small:size=1m', 'busybox', 'sleep', '3600');
  await host.ok('exec', 'bird', 'sh', '-c', 'echo old > /small/old; mkdir /in; ln -s loop /loop');
});

const TABLE: ReadonlyArray<readonly [code: number, args: string[], said: RegExp]> = [
  [125, ['file', 'other'], /neither path is in a container; write the container before the path/],
  [
    125,
    ['bird:/a', 'bird:/b'],
    /both paths are in containers.*mydocker cp bird:\/a - \| mydocker cp - bird:\/b/,
  ],
  [125, ['-', '-'], /neither path is in a container/],
  [125, ['', 'bird:/a'], /a path is empty/],
  [125, ['file', 'bird:'], /the path in the container is empty/],
  [125, ['bird:', 'file'], /the path in the container is empty/],
  [1, ['file', 'nobody:/a'], /no such container: nobody/],
  [1, ['nobody:/a', 'file'], /no such container: nobody/],
  [1, ['nobody:/a', '-'], /no such container: nobody/],
  [1, ['bird:/missing', '.'], /there is no such file or directory in bird: \/missing/],
  [1, ['bird:/missing', '-'], /there is no such file or directory in bird: \/missing/],
  [1, ['bird:/etc/passwd/x', '-'], /a part of the path is no directory in bird/],
  [1, ['bird:/loop/x', '.'], /links lead in a circle/],
  [1, ['missing', 'bird:/'], /there is no such file or directory on this machine: .*missing/],
  [1, ['file/x', 'bird:/'], /a part of the path is no directory on this machine/],
  [1, ['file', 'bird:/missing/x'], /there is no such file or directory in bird: \/missing/],
  [1, ['file', 'bird:/missing/'], /cannot copy to \/missing\/: there is no such directory; make it first/],
  [1, ['bird:/etc/passwd', 'missing/x'], /there is no directory .*\/missing; make it first/],
  [1, ['dir', 'bird:/etc/passwd'], /cannot copy the directory .*dir to \/etc\/passwd: a file stands there/],
  [1, ['-', 'bird:/etc/passwd'], /a part of the path is no directory in bird: \/etc\/passwd/],
  [1, ['-', 'bird:/missing'], /there is no such file or directory in bird: \/missing/],
  [125, ['file'], /cp/],
];

const inside = async (): Promise<string> =>
  host.ok('exec', 'bird', 'sh', '-c', 'find / -xdev | sort | md5sum; find /small; cat /small/old');

test('bad paths and containers: exit code, one line, nothing changed', async () => {
  const before = [await inside(), readdirSync(directory).sort()];
  for (const [code, args, said] of TABLE) {
    const env = { MYDOCKER_ROOT: host.root };
    const result = await command(EXECUTABLE, ['cp', ...args], { cwd: directory, env, input: '' });
    assert.equal(result.code, code, `${args.join(' ')}: ${result.stderr}`);
    assert.match(result.stderr, said, args.join(' '));
    assert.equal(result.stderr.trimEnd().split('\n').length, 1, result.stderr);
    assert.equal(result.stdout, '');
  }
  assert.deepEqual([await inside(), readdirSync(directory).sort()], before);
});

/** `cp - bird:/in` of these bytes. */
async function sent(bytes: Buffer, to = 'bird:/in'): Promise<{ code: number; stderr: string }> {
  writeFileSync(here('sent'), bytes);
  const script = `"${EXECUTABLE}" cp - ${to} < ${here('sent')}`;
  return command('sh', ['-c', script], { env: { MYDOCKER_ROOT: host.root, PATH: process.env.PATH ?? '' } });
}

const tarOf = (...args: string[]): Buffer =>
  execFileSync('tar', ['-C', directory, '-c', ...args], {
    maxBuffer: 1 << 26,
    stdio: ['ignore', 'pipe', 'ignore'],
  });

test('a stream that is no tar, a cut one, a damaged one, names with "..": refused, no half file', async () => {
  writeFileSync(here('long'), Buffer.alloc(300_000, 'long'));
  const good = tarOf('long');
  const damaged = Buffer.from(good);
  damaged.write('X', 0);
  const outside = tarOf('-P', '--transform=s,^file$,../../file,', 'file');
  const linkOut = tarOf('-P', '--transform=s,^file$,a/../../../file,', 'file');
  const cases: ReadonlyArray<readonly [string, Buffer, RegExp]> = [
    ['text', Buffer.from('this is no tar\n'.repeat(100)), /cannot unpack the archive/],
    ['nothing', Buffer.alloc(0), /it is empty/],
    ['cut in a header', good.subarray(0, 300), /it ends in the middle of an entry/],
    ['cut in content', good.subarray(0, 100_000), /it ends in the middle of an entry/],
    ['damaged', damaged, /cannot unpack the archive/],
    [
      'cut gzip',
      execFileSync('gzip', ['-c'], { input: good }).subarray(0, 200),
      /gzip data is damaged or cut short|in the middle/,
    ],
    ['xz', execFileSync('xz', ['-c'], { input: good }), /compressed with xz/],
    ['..', outside, /"\.\.\/\.\.\/file" leads outside \("\.\."\)/],
    ['a/..', linkOut, /leads outside/],
  ];
  for (const [what, bytes, said] of cases) {
    const { code, stderr } = await sent(bytes);
    assert.equal(code, 125, `${what}: ${stderr}`);
    assert.match(stderr, said, what);
    assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
    assert.equal(await host.ok('exec', 'bird', 'ls', '-A', '/in'), '', what);
  }
  assert.equal(await host.ok('exec', 'bird', 'sh', '-c', 'find / -name file -xdev'), '');
});

test('absolute names in a tar begin at the destination', async () => {
  const { code, stderr } = await sent(tarOf('-P', '--transform=s,^file$,/etc/absolute,', 'file'));
  assert.equal(code, 0, stderr);
  assert.equal(await host.ok('exec', 'bird', 'cat', '/in/etc/absolute'), 'file');
  await host.ok('exec', 'bird', 'rm', '-r', '/in/etc');
});

test('a link in the tar leads, in the container, where it leads there: never to the host', async () => {
  execFileSync(
    'sh',
    ['-c', `mkdir -p one two/way && ln -s ${directory}/target one/way && echo x > two/way/f`],
    { cwd: directory },
  );
  const both = Buffer.concat([
    tarOf('--transform=s,^one/,,', 'one/way').subarray(0, 512),
    tarOf('--transform=s,^two/,,', 'two/way/f'),
  ]);
  mkdirSync(here('target'));
  await host.ok('exec', 'bird', 'mkdir', '-p', here('target'));
  const { code, stderr } = await sent(both);
  assert.equal(code, 0, stderr);
  assert.deepEqual(readdirSync(here('target')), []);
  assert.equal(await host.ok('exec', 'bird', 'ls', here('target')), 'f');
  await host.ok('exec', 'bird', 'rm', '/in/way');
});

test('disk full in the container: said so; the file that was there before is there still, and no part of the new one', async () => {
  writeFileSync(here('old'), Buffer.alloc(4 * 2 ** 20, 'x'));
  const said = await host.fails(125, 'cp', '-q', here('old'), 'bird:/small/old');
  assert.match(said, /cannot write "old" in bird: the disk is full; free some space/);
  assert.equal(await host.ok('exec', 'bird', 'sh', '-c', 'ls -A /small; cat /small/old'), 'old\nold');
});

test('disk full here: said so, and no part of the file is left', async () => {
  mkdirSync(here('full'));
  writeFileSync(here('big'), Buffer.alloc(4 * 2 ** 20, 'x'));
  await host.ok('cp', '-q', here('big'), 'bird:/in/big');
  // A mount of its own in a mount namespace of its own: the host's are not touched.
  const script = [
    'mount --make-rprivate /',
    `mount -t tmpfs -o size=1m tmpfs ${here('full')}`,
    `"${EXECUTABLE}" cp bird:/in/big ${here('full')}; code=$?`,
    `ls -A ${here('full')} >&2; exit $code`,
  ];
  const env = { MYDOCKER_ROOT: host.root, PATH: process.env.PATH ?? '' };
  const { code, stderr } = await command('unshare', ['-m', 'sh', '-c', script.join('\n')], { env });
  assert.equal(code, 125, stderr);
  assert.match(stderr, /^mydocker: cannot write "big": the disk is full; free some space\n$/);
});

test('an archive is not written to a terminal', async () => {
  const inner = `MYDOCKER_ROOT=${host.root} "${EXECUTABLE}" cp bird:/etc -`;
  const { stdout, code } = await command('script', ['-qec', inner, '/dev/null'], {
    env: { SHELL: '/bin/sh', PATH: process.env.PATH ?? '' },
  });
  assert.equal(code, 125, stdout);
  assert.match(stdout, /an archive is not written to a terminal/);
});

test('the reader of a stream goes away: the copy ends', async () => {
  await host.ok('exec', 'bird', 'sh', '-c', 'head -c 30000000 /dev/zero > /in/much');
  const script = `"${EXECUTABLE}" cp bird:/in - | head -c 1000 | wc -c`;
  const { stdout } = await command('sh', ['-c', script], {
    env: { MYDOCKER_ROOT: host.root, PATH: process.env.PATH ?? '' },
  });
  assert.equal(stdout.trim(), '1000');
  assert.equal(readFileSync(here('file'), 'utf8'), 'file');
});

for (const direction of ['in', 'out'] as const) {
  test(`a fault at every step of the way ${direction} leaves nothing, and the container can still start`, async () => {
    mkdirSync(here(`way-${direction}`));
    await host.ok(
      'create',
      '--name',
      `way-${direction}`,
      '-v',
      `${here(`way-${direction}`)}:/dir`,
      '--read-only',
      'busybox',
      'true',
    );
    const id = await host.ok('inspect', '-f', '{{.Id}}', `way-${direction}`);
    writeFileSync(here('way.tar'), tarOf('file'));
    const words = direction === 'in' ? `cp - way-in:/dir < ${here('way.tar')}` : 'cp way-out:/etc -';
    let n = 1;
    for (; ; n++) {
      const env = { MYDOCKER_ROOT: host.root, PATH: process.env.PATH ?? '', MYDOCKER_FAIL_STEP: String(n) };
      const { code, stderr, stdout } = await command('sh', ['-c', `"${EXECUTABLE}" ${words}`], { env });
      if (code === 0) break;
      assert.match(stderr, new RegExp(`^mydocker: cannot [^\n]*: step ${n}, [^\n]*EIO[^\n]*\n$`));
      assert.equal(stdout, '');
      assert.deepEqual(
        readdirSync(`${host.root}/run`).filter((name) => name === id),
        [],
        'no hold is left',
      );
      assert.deepEqual(readdirSync(`${host.root}/rootfs`), [], 'no mount is left');
      assert.deepEqual(readdirSync(here(`way-${direction}`)), []);
    }
    assert.ok(n > 15, `${n} steps`);
    await host.ok('start', `way-${direction}`);
  });
}
