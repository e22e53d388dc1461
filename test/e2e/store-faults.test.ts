/** commit and import that are killed, and on a disk that fills up: the image is whole or not there, nothing is left. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { command, EXECUTABLE, Host } from './harness.ts';
import { killedAt, LASTING_CALLS, nextOf } from './killed.ts';

const host = new Host();
const directory = mkdtempSync('/var/tmp/mydocker-files-');
after(() => rmSync(directory, { recursive: true }));
const FILES = 30;

before(async () => {
  mkdirSync(`${directory}/rootfs/many`, { recursive: true });
  mkdirSync(`${directory}/rootfs/bin`);
  cpSync('/bin/busybox', `${directory}/rootfs/bin/busybox`);
  for (let i = 0; i < FILES; i++) writeFileSync(`${directory}/rootfs/many/${i}`, `${i}`);
  const script = `mkdir /many; for i in $(seq ${FILES}); do echo $i > /many/$i; done; rm -r /var`;
  await host.ok('run', '--name', 'maker', 'busybox', 'sh', '-c', script);
});

/** Every name in the store. */
const whole = (): string[] =>
  ['images', 'images/blobs/sha256', 'layers'].flatMap((name) =>
    readdirSync(`${host.root}/${name}`)
      .map((entry) => `${name}/${entry}`)
      .sort(),
  );

async function isWhole(what: string): Promise<void> {
  const listed = await host.ok('run', '--rm', '--pull', 'never', 'doomed', '/bin/busybox', 'ls', '/many');
  assert.equal(listed.split('\n').length, FILES, what);
  await host.ok('rmi', 'doomed');
}

const verbs: Record<string, readonly string[]> = {
  import: ['import', `${directory}/rootfs`, 'doomed'],
  commit: ['commit', 'maker', 'doomed'],
};

for (const [verb, args] of Object.entries(verbs)) {
  for (const call of LASTING_CALLS) {
    test(`kill -9 in ${verb} at each ${call}: the image is whole or not there, and prune leaves no byte`, async () => {
      const clean = whole();
      const changed = await host.ok('diff', 'maker');
      let kills = 0;
      for (let nth = 1; ; nth = nextOf(nth)) {
        const what = `${verb}, ${call} ${nth}`;
        const killed = await killedAt(host, call, nth, ...args);
        if ((await host.ok('images', '-q', 'doomed')) !== '') await isWhole(what);
        if (nth % 3 === 0) {
          // A second try goes through, whatever the first one left.
          await host.ok(...args);
          await isWhole(what);
        }
        await host.ok('image', 'prune', '-f');
        assert.deepEqual(whole(), clean, what);
        if (!killed) break;
        kills++;
      }
      assert.ok(kills > 0, 'it makes such calls');
      assert.equal(await host.ok('diff', 'maker'), changed, 'the container is as before');
    });
  }
}

/** A script on a root of its own of so many megabytes; `larger` gives it room, `m` is the program, `list` the store. */
async function onSmallDisk(megabytes: number, script: string): Promise<{ stdout: string; stderr: string }> {
  const small = mkdtempSync('/var/tmp/mydocker-small-');
  const text = `
    mount -t tmpfs -o size=${megabytes}m none ${small} && export MYDOCKER_ROOT=${small}/root
    m() { '${EXECUTABLE}' "$@"; }
    larger() { mount -o remount,size=200m ${small}; }
    list() { (cd $MYDOCKER_ROOT; find images layers | sort); }
    ${script}`;
  const { stdout, stderr } = await command('unshare', ['-m', 'sh', '-c', text]);
  rmSync(small, { recursive: true });
  return { stdout, stderr };
}

test('a disk that is full half-way through an import: one error, nothing kept; with room it goes through', async () => {
  mkdirSync(`${directory}/large`);
  writeFileSync(`${directory}/large/data`, randomBytes(20_000_000));
  const { stdout, stderr } = await onSmallDisk(
    28,
    `m tag busybox first; list > /tmp/before.$$
    m import ${directory}/large doomed; echo "code $?"
    list | diff /tmp/before.$$ - && echo same; rm /tmp/before.$$
    larger; m import ${directory}/large doomed > /dev/null; echo "code $?"; m images -q doomed | wc -l`,
  );
  assert.match(stderr, /^mydocker: .*no space.*\n$/i);
  assert.equal(stdout, 'code 125\nsame\ncode 0\n1\n');
});

test('a disk that is full half-way through a commit: one error, nothing kept; with room it goes through', async () => {
  const { stdout, stderr } = await onSmallDisk(
    44,
    `m run --name maker busybox dd if=/dev/urandom of=/big bs=1M count=15 2> /dev/null; list > /tmp/before.$$
    m commit maker doomed; echo "code $?"
    list | diff /tmp/before.$$ - && echo same; rm /tmp/before.$$
    larger; m commit maker doomed > /dev/null; echo "code $?"; m run --rm doomed wc -c /big`,
  );
  assert.match(stderr, /^mydocker: .*no space.*\n$/i);
  assert.equal(stdout, 'code 125\nsame\ncode 0\n15728640 /big\n');
});
