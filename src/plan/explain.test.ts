import assert from 'node:assert/strict';
import { test } from 'node:test';
import { actionText } from './call-text.ts';
import { explainLines, explainPlan } from './explain.ts';
import { NO_SLOT, OPS } from './ops.ts';
import type { Action, Plan } from './step.ts';

const LINK_UP = Buffer.from('200000001000050001000000000000000000000001000000' + '0100000001000000', 'hex');

const TABLE: ReadonlyArray<readonly [Action, string]> = [
  [{ op: 'own', what: '/run/x' }, 'has "/run/x"'],
  [{ op: 'mkdir', path: '/a', mode: 0o755 }, 'mkdir("/a", 0755)'],
  [
    { op: 'write', path: '/sys/fs/cgroup/x/memory.max', data: '104857600', create: 0 },
    'write("/sys/fs/cgroup/x/memory.max", "104857600")',
  ],
  [
    { op: 'write', path: '/f', data: Buffer.from([0, 1]), create: 1 },
    'write("/f", 0x0001, the file is made if missing)',
  ],
  [
    { op: 'mknod', path: '/dev/null', mode: 0o020666, major: 1, minor: 3 },
    'mknod("/dev/null", S_IFCHR|0666, makedev(1, 3))',
  ],
  [
    { op: 'mount', source: 'overlay', target: '/r', fstype: 'overlay', flags: 6, data: 'lowerdir=/l' },
    'mount("overlay", "/r", "overlay", MS_NOSUID|MS_NODEV, "lowerdir=/l")',
  ],
  [
    { op: 'mount', source: '', target: '/', fstype: '', flags: 0x44000, data: '' },
    'mount(NULL, "/", NULL, MS_REC|MS_PRIVATE, NULL)',
  ],
  [{ op: 'umount', target: '.', flags: 2 }, 'umount2(".", MNT_DETACH)'],
  [
    { op: 'open-tree', path: '/d', below: '', recursive: 1, slot: 3 },
    'open_tree("/d", OPEN_TREE_CLONE|AT_RECURSIVE) -> slot 3',
  ],
  [
    { op: 'tree-setattr', slot: 3, set: 1, clear: 0, propagation: 1 << 18, recursive: 1, userns: NO_SLOT },
    'mount_setattr(slot 3, AT_RECURSIVE, {set MOUNT_ATTR_RDONLY, propagation MS_PRIVATE})',
  ],
  [
    { op: 'attach-tree', slot: 3, target: '/t', create: 1 },
    'move_mount(slot 3, "/t" in the root, the directory is made if missing)',
  ],
  [
    { op: 'clone', flags: 0x6c020000, cgroupSlot: NO_SLOT },
    'clone3(CLONE_NEWNS|CLONE_NEWUTS|CLONE_NEWIPC|CLONE_NEWPID|CLONE_NEWNET)',
  ],
  [
    { op: 'netlink', message: LINK_UP },
    'sendto(NETLINK_ROUTE, {RTM_NEWLINK NLM_F_REQUEST|NLM_F_ACK lo up, 32 bytes})',
  ],
  [{ op: 'rlimit', resource: 7, soft: 1024, hard: 4096n }, 'prlimit(RLIMIT_NOFILE, 1024, 4096)'],
  [
    { op: 'capabilities', bounding: 0x21n, effective: 0x21, permitted: 0x21n, inheritable: 0, ambient: 0 },
    'capset(bounding = effective = permitted = {CHOWN, KILL}, inheritable = ambient = {})',
  ],
  [
    { op: 'exec', file: 'sh', argv: ['sh', '-c', 'a b'], env: ['A=1'], init: 0 },
    'execve("sh", ["sh", "-c", "a b"], ["A=1"])',
  ],
  [{ op: 'streams', flags: 5 }, 'pipe2(stdin|inherit)'],
  [{ op: 'stdio' }, 'dup2(0, 1, 2)'],
];

test('actionText() writes the call with its arguments', () => {
  for (const [action, text] of TABLE) assert.equal(actionText(action), text);
});

/** Every operation with empty arguments: none may be forgotten. */
test('actionText() knows every operation', () => {
  const empty = { u32: 0, u64: 0n, str: '', bytes: '', strv: [] };
  for (const [op, row] of Object.entries(OPS)) {
    const args = Object.fromEntries(Object.entries(row.args).map(([name, kind]) => [name, empty[kind]]));
    assert.notEqual(actionText({ op, ...args } as unknown as Action), op, op);
  }
});

const PLAN: Plan = {
  steps: [
    {
      op: 'mkdir',
      path: '/c',
      mode: 0o755,
      where: 'host',
      why: 'a place',
      undo: { op: 'rmdir', path: '/c' },
    },
    { op: 'write', path: '/f', data: 'x'.repeat(200), create: 0, where: 'host', why: 'long' },
    { op: 'setsid', where: 'init', why: 'alone' },
  ],
};

test('explainPlan() is JSON and whole', () => {
  const steps = explainPlan(PLAN);
  assert.deepEqual(steps[0], {
    n: 1,
    where: 'host',
    op: 'mkdir',
    call: 'mkdir',
    text: 'mkdir("/c", 0755)',
    args: { path: '/c', mode: 0o755 },
    why: 'a place',
    undo: { op: 'rmdir', call: 'rmdir', text: 'rmdir("/c")' },
  });
  assert.ok(JSON.stringify(steps[1]).includes('x'.repeat(200)));
});

test('explainLines() heads each process and cuts long calls', () => {
  const lines = explainLines(explainPlan(PLAN), false);
  assert.deepEqual(lines.slice(0, 3), [
    'The shim, on the host',
    '  1  mkdir("/c", 0755)',
    '       a place; undone by rmdir("/c")',
  ]);
  assert.ok(lines.every((line) => Array.from(line).length <= 110));
  assert.deepEqual(lines.slice(-3), ['The child, in its new namespaces', '  3  setsid()', '       alone']);
  assert.ok(explainLines(explainPlan(PLAN), true).join('').includes('\x1b[2m'));
});
