/** Hosts that cannot hold containers: not root, overlayfs, read-only, full. Each says so in one line and changes nothing. */
import assert from 'node:assert/strict';
import { constants, copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { after, test } from 'node:test';
import { command, EXECUTABLE, Host, leftovers, type Result, until } from './harness.ts';
import { shims, stateOf } from './state.ts';

const directory = mkdtempSync('/var/tmp/mydocker-host-');
after(() => rmSync(directory, { recursive: true }));

function oneLine(result: Result, code: number, line: RegExp): void {
  const said = `exit ${result.code}: ${result.stdout}${result.stderr}`;
  assert.equal(result.code, code, said);
  assert.equal(result.stdout, '', said);
  assert.match(result.stderr, /^mydocker: [^\n]+; [^\n]+\n$/, said);
  assert.match(result.stderr, line, said);
}

/** A shell script in a mount namespace of its own; `$M` is the program. What it mounts goes with it. */
function inMounts(script: string): Promise<Result> {
  return command('unshare', ['--mount', 'sh', '-ec', script], {
    env: { M: EXECUTABLE, D: directory },
    timeoutMs: 120_000,
  });
}

test('not root: refused by every command that needs it; explain and help work', async () => {
  const host = new Host();
  const name = await host.ok('create', '--name', 'bird', 'busybox', 'true');
  assert.ok(name);
  const open = mkdtempSync('/var/tmp/mydocker-nobody-');
  try {
    await command('chmod', ['0755', open]);
    copyFileSync(EXECUTABLE, `${open}/mydocker`, constants.COPYFILE_FICLONE);
    const nobody = (args: string[]) =>
      command('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', `${open}/mydocker`, ...args], {
        env: { MYDOCKER_ROOT: host.root },
      });
    const before = stateOf(host.root);
    const commands = [
      'run --rm busybox true',
      'create busybox true',
      'start bird',
      'stop bird',
      'rm -f bird',
      'ps',
      'exec bird true',
      'images',
      'rmi busybox',
    ];
    for (const words of commands) {
      const args = words.split(' ');
      oneLine(
        await nobody(args),
        125,
        new RegExp(
          `cannot ${args[0]}: mydocker needs root .*; run it as root, for example: sudo mydocker ${args[0]}`,
        ),
      );
    }
    assert.deepEqual(stateOf(host.root), before);
    const explained = await nobody(['explain', 'run', '-m', '64m', 'busybox', 'true']);
    assert.equal(explained.code, 0, explained.stderr);
    assert.match(explained.stdout, /execve\("true"/);
    assert.equal((await nobody(['run', '--help'])).code, 0);
  } finally {
    rmSync(open, { recursive: true });
  }
});

const OVERLAY = 'mkdir -p l u w m; mount -t overlay overlay -o lowerdir=l,upperdir=u,workdir=w m';

test('the root directory on overlayfs: refused, and nothing is made in it', async () => {
  mkdirSync(`${directory}/o`);
  const result = await inMounts(`cd $D/o; ${OVERLAY}; $M --root $D/o/m/root run --rm busybox true`);
  oneLine(
    result,
    125,
    /cannot use the root directory .*\/o\/m\/root: it lies on overlayfs.*; choose a directory on ext4, xfs or tmpfs with --root/,
  );
  const made = await inMounts(`cd $D/o; ${OVERLAY}; ls -A m`);
  assert.equal(made.stdout, '', 'no directory was made');
});

test('a read-only root directory: refused, used before or not', async () => {
  const fresh = await inMounts(
    `mkdir -p $D/r; mount -t tmpfs -o ro none $D/r; $M --root $D/r run --rm busybox true`,
  );
  oneLine(
    fresh,
    125,
    /cannot use the root directory .*: its file system is read-only \(EROFS\); choose a writable directory/,
  );
  const used = await inMounts(
    'mkdir -p $D/r; mount -t tmpfs none $D/r; $M --root $D/r create --name old busybox true >/dev/null; mount -o remount,ro $D/r; find $D/r | sort > $D/before; $M --root $D/r run --rm busybox true || code=$?; find $D/r | sort | cmp - $D/before; exit $code',
  );
  oneLine(used, 125, /read-only|EROFS/);
  for (const verb of ['start old', 'rm old', 'rename old new', 'commit old made']) {
    const result = await inMounts(
      `mkdir -p $D/r; mount -t tmpfs none $D/r; $M --root $D/r create --name old busybox true >/dev/null; mount -o remount,ro $D/r; $M --root $D/r ${verb}`,
    );
    assert.ok(result.code === 1 || result.code === 125, `${verb}: ${result.code}`);
    assert.match(result.stderr, /^mydocker: [^\n]*(EROFS|read-only)[^\n]*\n$/, verb);
    assert.doesNotMatch(result.stderr, /unexpected error/, verb);
  }
});

test('a root directory that is a file, or below one', async () => {
  for (const root of ['/etc/passwd', '/etc/passwd/below', '/proc/nowhere']) {
    const result = await command(EXECUTABLE, ['--root', root, 'run', '--rm', 'busybox', 'true']);
    oneLine(result, 125, /cannot use the root directory .*(ENOTDIR|EEXIST|ENOENT)/);
  }
});

test('a disk too small for the image: refused; once there is room, it works', async () => {
  const result = await inMounts(
    `mkdir -p $D/t; mount -t tmpfs -o size=1m none $D/t; $M --root $D/t run --rm busybox true || code=$?
     ls -A $D/t/containers $D/t/names >&1 | grep -v : | grep . && exit 99
     mount -o remount,size=16m $D/t; test "$($M --root $D/t run --rm busybox echo up)" = up
     for i in $(seq 100); do test -z "$(find $D/t -name '.tmp*')" && break; sleep 0.05; done
     test -z "$(find $D/t -name '.tmp*')"; exit $code`,
  );
  oneLine(result, 125, /no space left|disk is full|ENOSPC/);
});

/** Leaves only so many pages of 4 KiB free, then runs: whatever the place where the disk ends, all is as before. */
const FULL = `
mkdir -p $D/f; mount -t tmpfs -o size=24m none $D/f; R=$D/f
# What a container left is removed when nobody waits any more.
removed() { for i in $(seq 200); do test -n "$(find $R -name '.tmp*')" || break; sleep 0.05; done; }
$M --root $R run --rm busybox true
$M --root $R run --name old busybox true > /dev/null
state() { removed; (cd $R; find . ! -path './layers/*/*' ! -name fill* | sort); }
dd if=/dev/zero of=$R/fill bs=4k 2>/dev/null || true
state > $D/before
for pages in 0 1 2 3 4 5 6 7 8 9 10 12 14 16 20; do
  rm -f $R/fill2; truncate -s -$((pages * 4096)) $R/fill
  for words in 'run --rm busybox true' 'run -d --name ff busybox true' 'start -a old' 'create --name ff busybox true'; do
    code=0; $M --root $R $words > $D/out 2> $D/err || code=$?
    echo "$pages $code $(wc -l < $D/err) $words: $(cat $D/err)"
    for name in $($M --root $R ps --format '{{.Names}}'); do test $name = old || $M --root $R rm -f $name > /dev/null; done
    state > $D/after
    cmp $D/before $D/after || diff $D/before $D/after
  done
  dd if=/dev/zero of=$R/fill bs=4k conv=notrunc oflag=append 2>/dev/null || true
done`;

test('a full disk, at every page where it can end: one line, and all is as before', async () => {
  const result = await inMounts(FULL);
  assert.equal(result.code, 0, result.stdout + result.stderr);
  const lines = result.stdout.trimEnd().split('\n');
  for (const line of lines) {
    const [, code = '', count = '', said = ''] = /^\d+ (\d+) (\d+) (.*)$/.exec(line) ?? [];
    assert.ok(code === '0' || code === '125', line);
    if (code === '0') continue;
    assert.equal(count, '1', line);
    assert.match(said, /ENOSPC|no space left/, line);
    assert.doesNotMatch(said, /unexpected error/, line);
  }
  assert.ok(
    lines.some((line) => / 0 0 run --rm/.test(line)),
    'with some pages it works',
  );
  assert.ok(
    lines.some((line) => / 125 1 run --rm/.test(line)),
    'without it does not',
  );
});

test('nothing of these tests is left on the host', async () => {
  assert.deepEqual(leftovers(directory), []);
  await until('no shim is left', () => shims(directory).length === 0);
});
