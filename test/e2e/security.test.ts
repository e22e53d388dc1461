/** Capabilities and system calls: what a container may do, by default and when asked for more or less. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { command, Host } from './harness.ts';

const host = new Host();
const files = mkdtempSync('/var/tmp/mydocker-files-');
after(() => rmSync(files, { recursive: true }));

/** Makes system calls by number, through each of the three ABIs of x86-64. */
const CALLER = `
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(int argc, char **argv) {
  long abi = atol(argv[1]), nr = strtol(argv[2], 0, 0), arg = argc > 3 ? strtol(argv[3], 0, 0) : 0, r;
  if (abi == 386) {
    __asm__ volatile("int $0x80" : "=a"(r) : "a"(nr), "b"(arg), "c"(0), "d"(0), "S"(0), "D"(0) : "memory", "r8", "r9", "r10", "r11");
    r = (int)r;
  } else {
    if (abi == 32) nr |= 0x40000000;
    __asm__ volatile("syscall" : "=a"(r) : "a"(nr), "D"(arg), "S"(0), "d"(0) : "memory", "rcx", "r11");
  }
  printf("%ld\\n", r);
  return 0;
}`;

before(async () => {
  writeFileSync(`${files}/call.c`, CALLER);
  const { code, stderr } = await command('gcc', ['-static', '-O1', '-o', `${files}/call`, `${files}/call.c`]);
  assert.equal(code, 0, stderr);
});

const run = (flags: readonly string[], ...words: string[]) =>
  host.run(['run', '--rm', ...flags, 'busybox', ...words]);
const call = async (flags: readonly string[], ...words: Array<string | number>): Promise<number> => {
  const volume = ['-v', `${files}/call:/call:ro`];
  return Number(await host.ok('run', '--rm', ...flags, ...volume, 'busybox', '/call', ...words.map(String)));
};
const status = async (field: string, ...flags: string[]): Promise<string> => {
  const text = await host.ok('run', '--rm', ...flags, 'busybox', 'cat', '/proc/self/status');
  return new RegExp(`^${field}:\\s*(\\S+)`, 'm').exec(text)?.[1] ?? '';
};

function profile(name: string, value: unknown): string {
  writeFileSync(`${files}/${name}`, typeof value === 'string' ? value : JSON.stringify(value));
  return `seccomp=${files}/${name}`;
}

const EPERM = -1;
const ENOSYS = -38;

test('by default a filter stands, in run and in exec', async () => {
  assert.equal(await status('Seccomp'), '2');
  await host.ok('run', '-d', '--name', 'bird', 'busybox', 'sleep', '100');
  assert.match(await host.ok('exec', 'bird', 'grep', '^Seccomp:', '/proc/self/status'), /2$/);
  const refused = await host.run(['exec', 'bird', 'unshare', '-U', 'true']);
  assert.match(refused.stderr, /not permitted/);
  await host.ok('rm', '-f', 'bird');
});

test('calls that reach the host are refused through all three ABIs', async () => {
  if (process.arch !== 'x64') return;
  const unshare = { 64: 272, 32: 272, 386: 310 };
  const keyctl = { 64: 250, 32: 250, 386: 288 };
  for (const [abi, nr] of [...Object.entries(unshare), ...Object.entries(keyctl)]) {
    assert.equal(await call([], abi, nr, 0x10000000), EPERM, `abi ${abi} call ${nr}`);
  }
  assert.equal(await call([], 64, 435), ENOSYS, 'clone3 is not there');
  assert.equal(await call([], 64, 41, 40), EPERM, 'AF_VSOCK');
  assert.equal(await call([], 64, 9999), ENOSYS, 'a call newer than the profile: a libc falls back');
  assert.equal(await call([], 64, 400), EPERM, 'a number between those there are');
  assert.ok((await call([], 64, 39)) > 0, 'getpid');
  assert.ok((await call([], 386, 20)) > 0, 'getpid of the 32-bit ABI');
});

test('root in a container cannot make a user namespace, and so cannot lift its own limits through one', async () => {
  const result = await run(['-m', '64m'], 'unshare', '-Urm', 'true');
  assert.equal(result.code, 1);
  assert.match(result.stderr, /not permitted/);
  assert.equal((await run(['--security-opt', 'seccomp=unconfined'], 'unshare', '-U', 'true')).code, 0);
});

test('seccomp=unconfined sets no filter', async () => {
  assert.equal(await status('Seccomp', '--security-opt', 'seccomp=unconfined'), '0');
});

test('a profile of one’s own, in the specification’s form and in Docker’s', async () => {
  const own = profile('own.json', {
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [
      { names: ['mkdir', 'mkdirat', 'nosuchcall'], action: 'SCMP_ACT_ERRNO', errnoRet: 28 },
      {
        names: ['chmod', 'fchmodat'],
        action: 'SCMP_ACT_ERRNO',
        args: [{ index: 1, value: 0o111, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }],
        includes: { caps: ['CAP_SYS_BOOT'] },
      },
    ],
  });
  const result = await run(['--security-opt', own], 'mkdir', '/x');
  assert.match(result.stderr, /No space left on device/);
  assert.equal((await run(['--security-opt', own], 'chmod', '600', '/etc/passwd')).code, 0);
  const listed = JSON.parse(
    await host.ok('inspect', await host.ok('create', '--security-opt', own, 'busybox', 'true')),
  );
  assert.deepEqual(listed[0].HostConfig.SecurityOpt, ['seccomp=custom']);
});

test('a profile that refuses execve: the error of the step comes out', async () => {
  const blocking = profile('noexec.json', {
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [{ names: ['execve'], action: 'SCMP_ACT_ERRNO', errnoRet: 13 }],
  });
  for (const more of [[], ['--security-opt', 'no-new-privileges']]) {
    const { code, stderr } = await run(['--security-opt', blocking, ...more], 'true');
    assert.equal(code, 126, stderr);
    assert.match(stderr, /execute true|permission/i);
  }
});

test('a profile that cannot be used: one line, exit code 125, no container', async () => {
  const bad = {
    'text.json': ['this is no JSON', /no JSON/],
    'list.json': ['[]', /no object/],
    'action.json': [{ defaultAction: 'SCMP_ACT_MAYBE' }, /SCMP_ACT_MAYBE/],
    'missing.json': [{}, /defaultAction is missing/],
    'op.json': [
      {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: ['read'], action: 'SCMP_ACT_ERRNO', args: [{ index: 0, op: 'X' }] }],
      },
      /args\[0\]\.op/,
    ],
    'index.json': [
      {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: ['read'], action: 'SCMP_ACT_ERRNO', args: [{ index: 6, op: 'SCMP_CMP_EQ' }] }],
      },
      /0 to 5/,
    ],
    'names.json': [{ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ action: 'SCMP_ACT_ERRNO' }] }, /names no/],
    'notify.json': [{ defaultAction: 'SCMP_ACT_NOTIFY' }, /nobody/],
  } as const;
  for (const [name, [value, words]] of Object.entries(bad)) {
    assert.match(
      await host.fails(125, 'run', '--rm', '--security-opt', profile(name, value), 'busybox', 'true'),
      words,
    );
  }
  assert.match(
    await host.fails(125, 'run', '--security-opt', 'seccomp=/nosuch', 'busybox', 'true'),
    /\/nosuch/,
  );
  assert.match(await host.fails(125, 'run', '--security-opt', 'magic=1', 'busybox', 'true'), /magic/);
});

test('--cap-add and --cap-drop, in whatever spelling; ALL on either side', async () => {
  const usual = BigInt(`0x${await status('CapEff')}`);
  const bit = (number: number): bigint => 1n << BigInt(number);
  const set = async (...flags: string[]): Promise<bigint> => BigInt(`0x${await status('CapEff', ...flags)}`);
  assert.equal(await set('--cap-drop', 'CHOWN', '--cap-drop', 'cap_kill'), usual & ~bit(0) & ~bit(5));
  assert.equal(await set('--cap-add', 'net_admin'), usual | bit(12));
  assert.equal(await set('--cap-drop', 'ALL'), 0n);
  assert.equal(await set('--cap-drop', 'all', '--cap-add', 'CAP_NET_RAW'), bit(13));
  const all = await set('--cap-add', 'ALL', '--cap-drop', 'SYS_TIME');
  assert.ok((all & bit(21)) !== 0n && (all & bit(25)) === 0n);
  assert.match(await host.fails(125, 'run', '--cap-add', 'FLY', 'busybox', 'true'), /FLY/);
});

test('a capability opens the calls it is for; the others stay refused', async () => {
  const admin = ['--cap-add', 'SYS_ADMIN'];
  assert.equal((await run(admin, 'mount', '-t', 'tmpfs', 'none', '/tmp')).code, 0);
  assert.equal((await run(admin, 'unshare', '-U', 'true')).code, 0);
  assert.equal(await call(admin, 64, 250, 0), EPERM, 'keyctl');
  const made = await host.ok('create', '--cap-add', 'SYS_ADMIN', '--cap-drop', 'CHOWN', 'busybox', 'true');
  const [{ HostConfig }] = JSON.parse(await host.ok('inspect', made));
  assert.deepEqual([HostConfig.CapAdd, HostConfig.CapDrop], [['SYS_ADMIN'], ['CHOWN']]);
});

test('no-new-privileges: set in run and in exec', async () => {
  const flags = ['--security-opt', 'no-new-privileges'];
  assert.equal(await status('NoNewPrivs', ...flags), '1');
  assert.equal(await status('NoNewPrivs'), '0');
  await host.ok('run', '-d', '--name', 'calm', ...flags, 'busybox', 'sleep', '100');
  assert.match(await host.ok('exec', 'calm', 'grep', 'NoNewPrivs', '/proc/self/status'), /1$/);
  await host.ok('rm', '-f', 'calm');
});

test('a capability the host does not give mydocker is named', async (t) => {
  const bounding = BigInt(`0x${(await status('CapBnd', '--cap-add', 'ALL')) || '0'}`);
  if ((bounding >> 24n) & 1n) return t.skip('this host gives CAP_SYS_RESOURCE');
  assert.match(
    await host.fails(125, 'run', '--cap-add', 'SYS_RESOURCE', 'busybox', 'true'),
    /CAP_SYS_RESOURCE/,
  );
});

test('without the capabilities to change users, -u still works, and the program has none of them', async () => {
  const flags = ['--cap-drop', 'ALL', '-u', '1000:1000'];
  assert.equal(await host.ok('run', '--rm', ...flags, 'busybox', 'id', '-u'), '1000');
  for (const field of ['CapEff', 'CapPrm', 'CapInh', 'CapAmb', 'CapBnd'])
    assert.equal(BigInt(`0x${await status(field, ...flags)}`), 0n, field);
});
