import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_CAPABILITIES } from '../constants.ts';
import { compileSeccomp } from './compile.ts';
import { defaultSeccomp } from './default-profile.ts';
import { ABIS, type Abi, syscallNumbers } from './numbers.ts';
import { simulate } from './simulate.ts';
import type { Machine, SeccompArg, SeccompProfile } from './types.ts';

const ALLOW = 0x7fff0000;
const EPERM = 0x00050001;
const ENOSYS = 0x00050026;
const KILL = 0x80000000;

function caller(machine: Machine, profile: SeccompProfile) {
  const filter = compileSeccomp(profile, machine);
  return (abi: Abi, name: string, ...args: Array<number | bigint>): number => {
    const facts = ABIS.find((one) => one.abi === abi);
    const nr = syscallNumbers(abi).get(name);
    assert.ok(facts !== undefined && nr !== undefined, `${abi} ${name}`);
    return simulate(filter, { arch: facts.audit, nr: facts.bit + nr, args: args.map(BigInt) }).value;
  };
}

const byDefault = caller('amd64', defaultSeccomp(DEFAULT_CAPABILITIES));

test('the default allows what programs need, on every ABI of the machine', () => {
  for (const name of [
    'read',
    'execve',
    'exit_group',
    'futex',
    'openat',
    'capset',
    'prctl',
    'sendmsg',
    'chroot',
  ]) {
    for (const abi of ['amd64', '386', 'x32'] as const)
      assert.equal(byDefault(abi, name), ALLOW, `${abi} ${name}`);
  }
  const arm = caller('arm64', defaultSeccomp(DEFAULT_CAPABILITIES));
  for (const name of ['read', 'execve', 'openat', 'clone']) assert.equal(arm('arm64', name), ALLOW, name);
  assert.equal(arm('arm64', 'mount'), EPERM);
});

test('the default refuses what reaches the host, on every ABI', () => {
  const calls =
    'mount umount2 unshare setns keyctl bpf kexec_load init_module reboot perf_event_open userfaultfd';
  for (const name of `${calls} io_uring_setup open_by_handle_at swapon acct settimeofday open_tree`.split(
    ' ',
  )) {
    for (const abi of ['amd64', '386', 'x32'] as const)
      assert.equal(byDefault(abi, name), EPERM, `${abi} ${name}`);
  }
});

test('clone may make threads and processes, but no namespace; clone3 is not there', () => {
  assert.equal(byDefault('amd64', 'clone', 0x003d0f00), ALLOW);
  for (let bit = 0; bit < 32; bit++) {
    const isNamespace = ((0x7e020000 >>> bit) & 1) === 1;
    assert.equal(byDefault('amd64', 'clone', 2 ** bit), isNamespace ? EPERM : ALLOW, `bit ${bit}`);
  }
  assert.equal(byDefault('amd64', 'clone3'), ENOSYS);
});

test('socket: no AF_ALG, no AF_VSOCK, nothing beyond 45, in whatever half of the argument', () => {
  for (const family of [1, 2, 10, 16, 17, 44, 45]) assert.equal(byDefault('amd64', 'socket', family), ALLOW);
  for (const family of [12, 38, 40, 46, 0xffffffff])
    assert.equal(byDefault('amd64', 'socket', family), EPERM);
  assert.equal(byDefault('amd64', 'socket', (1n << 32n) + 2n), EPERM);
});

test('a capability in the container opens its calls', () => {
  const admin = caller('amd64', defaultSeccomp([...DEFAULT_CAPABILITIES, 'CAP_SYS_ADMIN']));
  for (const name of ['mount', 'unshare', 'clone3', 'bpf', 'setns'])
    assert.equal(admin('amd64', name), ALLOW, name);
  assert.equal(admin('amd64', 'clone', 0x10000000), ALLOW);
  assert.equal(admin('amd64', 'keyctl'), EPERM);
  const without = caller('amd64', defaultSeccomp([]));
  assert.equal(without('amd64', 'chroot'), EPERM);
});

test('a call by an architecture the filter does not know ends the process', () => {
  const filter = compileSeccomp(
    { defaultAction: 'SCMP_ACT_ALLOW', architectures: ['SCMP_ARCH_X86_64'] },
    'amd64',
  );
  assert.equal(simulate(filter, { arch: 0xc000003e, nr: 0 }).value, ALLOW);
  assert.equal(simulate(filter, { arch: 0x40000003, nr: 0 }).value, KILL);
  assert.equal(simulate(filter, { arch: 0xc00000b7, nr: 0 }).value, KILL);
  assert.equal(simulate(filter, { arch: 0xc000003e, nr: 0x40000000 }).value, KILL);
});

test('numbers between the named ones get the default action; beyond the last ENOSYS, unless the default allows', () => {
  const filter = compileSeccomp(defaultSeccomp(DEFAULT_CAPABILITIES), 'amd64');
  const answer = (nr: number, arch = 0xc000003e): number => simulate(filter, { arch, nr }).value;
  for (const nr of [340, 400, 0x40000190]) assert.equal(answer(nr), EPERM, String(nr));
  for (const nr of [470, 1000, 0x3fffffff, 0x40000300, 0x40000400, 0xffffffff])
    assert.equal(answer(nr), ENOSYS, String(nr));
  assert.equal(answer(1000, 0x40000003), ENOSYS);
  const rest = (defaultAction: SeccompProfile['defaultAction']): number =>
    simulate(
      compileSeccomp({ defaultAction, syscalls: [{ names: ['read'], action: 'SCMP_ACT_ERRNO' }] }, 'amd64'),
      {
        arch: 0xc000003e,
        nr: 9999,
      },
    ).value;
  assert.deepEqual((['SCMP_ACT_ALLOW', 'SCMP_ACT_LOG'] as const).map(rest), [ALLOW, 0x7ffc0000]);
  assert.deepEqual((['SCMP_ACT_KILL_PROCESS', 'SCMP_ACT_TRAP'] as const).map(rest), [ENOSYS, ENOSYS]);
  const nothing = compileSeccomp({ defaultAction: 'SCMP_ACT_KILL' }, 'amd64');
  assert.equal(simulate(nothing, { arch: 0xc000003e, nr: 9999 }).value, 0);
});

test('every call is decided within 20 instructions by the default filter', () => {
  const filter = compileSeccomp(defaultSeccomp(DEFAULT_CAPABILITIES), 'amd64');
  for (const [name, nr] of syscallNumbers('amd64')) {
    const { count } = simulate(filter, { arch: 0xc000003e, nr });
    assert.ok(count <= 20, `${name}: ${count}`);
  }
});

const OPERATORS: Readonly<Record<SeccompArg['op'], (a: bigint, v: bigint, w: bigint) => boolean>> = {
  SCMP_CMP_NE: (a, v) => a !== v,
  SCMP_CMP_LT: (a, v) => a < v,
  SCMP_CMP_LE: (a, v) => a <= v,
  SCMP_CMP_EQ: (a, v) => a === v,
  SCMP_CMP_GE: (a, v) => a >= v,
  SCMP_CMP_GT: (a, v) => a > v,
  SCMP_CMP_MASKED_EQ: (a, v, w) => (a & v) === w,
};

test('comparisons are of 64 bits, unsigned, for every operator', () => {
  const values = [
    0n,
    1n,
    2n,
    0x7fffffffn,
    0xfffffffen,
    0xffffffffn,
    1n << 32n,
    (1n << 32n) + 1n,
    (1n << 64n) - 1n,
  ];
  for (const op of Object.keys(OPERATORS) as Array<SeccompArg['op']>) {
    for (const value of values) {
      for (const valueTwo of op === 'SCMP_CMP_MASKED_EQ' ? [0n, value, 1n] : [0n]) {
        const call = caller('amd64', {
          defaultAction: 'SCMP_ACT_ERRNO',
          syscalls: [
            { names: ['read'], action: 'SCMP_ACT_ALLOW', args: [{ index: 2, value, valueTwo, op }] },
          ],
        });
        for (const argument of values) {
          const expected = OPERATORS[op](argument, value, valueTwo) ? ALLOW : EPERM;
          assert.equal(
            call('amd64', 'read', 0, 0, argument),
            expected,
            `${argument} ${op} ${value} ${valueTwo}`,
          );
        }
      }
    }
  }
});

test('rules of one call: the first that holds; comparisons of different arguments all, of the same one either', () => {
  const call = caller('amd64', {
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [
      {
        names: ['ioctl'],
        action: 'SCMP_ACT_ERRNO',
        errnoRet: 13,
        args: [
          { index: 0, value: 1, op: 'SCMP_CMP_EQ' },
          { index: 1, value: 0x5412, op: 'SCMP_CMP_EQ' },
        ],
      },
      {
        names: ['ioctl'],
        action: 'SCMP_ACT_LOG',
        args: [
          { index: 1, value: 7, op: 'SCMP_CMP_EQ' },
          { index: 1, value: 8, op: 'SCMP_CMP_EQ' },
        ],
      },
    ],
  });
  assert.equal(call('amd64', 'ioctl', 1, 0x5412), 0x0005000d);
  assert.equal(call('amd64', 'ioctl', 2, 0x5412), ALLOW);
  assert.equal(call('amd64', 'ioctl', 0, 7), 0x7ffc0000);
  assert.equal(call('amd64', 'ioctl', 0, 8), 0x7ffc0000);
});

test('a profile of thousands of rules is compiled with long jumps, or refused', () => {
  const rules = (count: number): SeccompProfile => ({
    defaultAction: 'SCMP_ACT_ALLOW',
    architectures: ['SCMP_ARCH_X86_64'],
    syscalls: Array.from({ length: count }, (_, i) => ({
      names: ['ioctl'],
      action: 'SCMP_ACT_ERRNO' as const,
      errnoRet: (i % 100) + 1,
      args: [{ index: i % 6, value: BigInt(i + 1) << 20n, op: 'SCMP_CMP_EQ' as const }],
    })),
  });
  const call = caller('amd64', rules(700));
  assert.equal(call('amd64', 'ioctl', 0, 0, 0, 0, 0, 6n << 20n), 0x00050006);
  assert.equal(call('amd64', 'ioctl', 0, 0, 0, 700n << 20n), 0x00050064);
  assert.equal(call('amd64', 'read'), ALLOW);
  assert.throws(() => compileSeccomp(rules(3000), 'amd64'), { code: 'BAD_SECCOMP' });
});
