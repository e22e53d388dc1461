import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSeccomp, type SeccompFor } from './parse.ts';

const HERE: SeccompFor = { capabilities: ['CAP_CHOWN'], machine: 'amd64', kernel: '5.10' };

/** Which of these rules apply: each rule's first name. */
function applying(rules: readonly object[], target: Partial<SeccompFor> = {}): string[] {
  const syscalls = rules.map((rule, i) => ({ names: [`rule${i}`], action: 'SCMP_ACT_ALLOW', ...rule }));
  const text = JSON.stringify({ defaultAction: 'SCMP_ACT_ERRNO', syscalls });
  return (parseSeccomp(text, { ...HERE, ...target }).syscalls ?? []).map(({ names }) => names[0] ?? '');
}

test('includes.minKernel: from that version on, by major and minor number', () => {
  const rules = ['4.8', '5.9', '5.10', '5.11', '6.0', ''].map((minKernel) => ({ includes: { minKernel } }));
  assert.deepEqual(applying(rules), ['rule0', 'rule1', 'rule2', 'rule5']);
  assert.deepEqual(applying(rules, { kernel: '6.18.1-x' }).length, 6);
  assert.deepEqual(applying(rules, { kernel: '4.19.0-rc1' }), ['rule0', 'rule5']);
  // As text "5.9" were above "5.10".
  assert.deepEqual(applying([{ includes: { minKernel: '5.10' } }], { kernel: '5.9' }), []);
  assert.throws(() => applying([{ includes: { minKernel: 'new' } }]), /minKernel is no kernel version/);
});

test('excludes.minKernel: below that version only', () => {
  const rules = ['5.9', '5.10', '5.11'].map((minKernel) => ({ excludes: { minKernel } }));
  assert.deepEqual(applying(rules), ['rule2']);
});

test('includes.caps: any of them; excludes.caps: none of them', () => {
  const rules = [
    { includes: { caps: ['CAP_SYS_ADMIN'] } },
    { includes: { caps: ['CAP_SYS_ADMIN', 'CAP_BPF'] } },
    { excludes: { caps: ['CAP_SYS_ADMIN'] } },
    { includes: {}, excludes: {} },
    { includes: null, excludes: null },
  ];
  assert.deepEqual(applying(rules), ['rule2', 'rule3', 'rule4']);
  assert.deepEqual(applying(rules, { capabilities: ['CAP_BPF'] }), ['rule1', 'rule2', 'rule3', 'rule4']);
  assert.deepEqual(applying(rules, { capabilities: ['CAP_SYS_ADMIN'] }), [
    'rule0',
    'rule1',
    'rule3',
    'rule4',
  ]);
});

test('includes.arches and excludes.arches: this machine and its 32-bit ABIs', () => {
  const rules = [
    { includes: { arches: ['amd64', 'x32'] } },
    { includes: { arches: ['x86'] } },
    { includes: { arches: ['arm64'] } },
    { includes: { arches: ['s390', 's390x'] } },
    { excludes: { arches: ['s390x'] } },
    { excludes: { arches: ['amd64'] } },
  ];
  assert.deepEqual(applying(rules), ['rule0', 'rule1', 'rule4']);
  assert.deepEqual(applying(rules, { machine: 'arm64' }), ['rule2', 'rule4', 'rule5']);
});

test('all of includes must hold, and nothing of excludes', () => {
  const includes = { caps: ['CAP_CHOWN'], minKernel: '5.0', arches: ['amd64'] };
  const rules = [
    { includes },
    { includes: { ...includes, minKernel: '6.0' } },
    { includes: { ...includes, caps: ['CAP_BPF'] } },
    { includes, excludes: { caps: ['CAP_CHOWN'] } },
    { includes, excludes: { caps: ['CAP_BPF'], minKernel: '6.0', arches: ['arm64'] } },
    { includes, excludes: { minKernel: '5.10' } },
  ];
  assert.deepEqual(applying(rules), ['rule0', 'rule4']);
});

test('archMap: the entry of this machine, with its 32-bit ABIs', () => {
  const architectures = (fields: object, machine: SeccompFor['machine'] = 'amd64') =>
    parseSeccomp(JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', ...fields }), { ...HERE, machine })
      .architectures;
  const archMap = [
    { architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86', 'SCMP_ARCH_X32'] },
    { architecture: 'SCMP_ARCH_AARCH64', subArchitectures: ['SCMP_ARCH_ARM'] },
    { architecture: 'SCMP_ARCH_RISCV64', subArchitectures: null },
  ];
  assert.deepEqual(architectures({ archMap }), ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32']);
  assert.deepEqual(architectures({ archMap }, 'arm64'), ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM']);
  assert.deepEqual(architectures({ archMap: archMap.slice(2) }), undefined);
  assert.deepEqual(architectures({ architectures: ['SCMP_ARCH_X86'] }), ['SCMP_ARCH_X86']);
  assert.deepEqual(architectures({}), undefined);
  assert.throws(
    () => architectures({ archMap, architectures: ['SCMP_ARCH_X86'] }),
    /both "architectures" and "archMap"/,
  );
  assert.throws(() => architectures({ archMap: ['SCMP_ARCH_X86'] }), /archMap\[0\] is no object/);
});
