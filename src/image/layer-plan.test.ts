import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Action } from '../plan/index.ts';
import { LayerPlanner } from './layer-plan.ts';
import { type EntryType, type TarEntry, tarEntry } from './tar-entry.ts';

/** What an action does, without the owner, mode and time every entry gets. */
function words(action: Action): string[] {
  if (action.op === 'chown' || action.op === 'chmod' || action.op === 'utimes') return [];
  const { op, ...args } = action;
  return [
    [op, ...Object.values(args).map((value) => (value instanceof Uint8Array ? `${value}` : value))].join(' '),
  ];
}

function planAll(...entries: TarEntry[]): string[] {
  const planner = new LayerPlanner();
  return entries.flatMap((entry) => {
    const { before, after } = planner.plan(entry);
    return [...before, ...after].flatMap(words);
  });
}

function e(name: string, type: EntryType = 'file', linkName = ''): TarEntry {
  return tarEntry(name, type, type === 'directory' ? 0o755 : 0o644, { linkName });
}

const OPAQUE = 'trusted.overlay.opaque y';
const ROWS: ReadonlyArray<readonly [name: string, entries: TarEntry[], steps: string[]]> = [
  ['makes missing parents', [e('/./a/b/c')], ['mkdir /a 493', 'mkdir /a/b 493', 'create-file /a/b/c 384']],
  ['keeps an existing directory', [e('a/b'), e('a/', 'directory')], ['mkdir /a 493', 'create-file /a/b 384']],
  [
    'replaces a directory by a file and back',
    [e('a', 'directory'), e('a/x'), e('a'), e('a/x')],
    [
      ...['mkdir /a 493', 'create-file /a/x 384', 'remove-tree /a', 'create-file /a 384'],
      ...['unlink /a', 'mkdir /a 493', `xattr /a ${OPAQUE}`, 'create-file /a/x 384'],
    ],
  ],
  [
    'goes through links the layer brought, never above its root',
    [
      e('usr/lib', 'directory'),
      e('lib', 'symlink', 'usr/lib'),
      e('lib/x'),
      e('up', 'symlink', '../../..'),
      e('up/y'),
    ],
    [
      ...['mkdir /usr 493', 'mkdir /usr/lib 493', 'symlink usr/lib /lib', 'create-file /usr/lib/x 384'],
      ...['symlink ../../.. /up', 'create-file /y 384'],
    ],
  ],
  ['turns a whiteout into device 0:0', [e('a/.wh.x')], ['mkdir /a 493', 'mknod /a/x 8192 0 0']],
  ['lets a whiteout hide only what is below', [e('x'), e('.wh.x')], ['create-file /x 384']],
  [
    'makes a directory opaque when it replaces what a whiteout hid',
    [e('.wh.x'), e('x/y')],
    ['mknod /x 8192 0 0', 'unlink /x', 'mkdir /x 493', `xattr /x ${OPAQUE}`, 'create-file /x/y 384'],
  ],
  ['makes a directory opaque', [e('a/.wh..wh..opq')], ['mkdir /a 493', `xattr /a ${OPAQUE}`]],
  ['ignores the notes of aufs', [e('.wh..wh.plnk')], []],
  ['makes hard links', [e('a'), e('b', 'link', './a')], ['create-file /a 384', 'link /a /b']],
  ['makes devices with their type', [e('n', 'character-device')], ['mknod /n 8612 0 0']],
];

test('LayerPlanner.plan() decides what entries become', async (t) => {
  for (const [name, entries, expected] of ROWS) {
    await t.test(name, () => assert.deepEqual(planAll(...entries), expected));
  }
});

test('LayerPlanner.plan() refuses archives that mean harm', () => {
  const circle = [e('a', 'symlink', 'b'), e('b', 'symlink', 'a'), e('a/x')];
  for (const entries of [
    [e('../x')],
    [e('a/../../x')],
    [e('.wh...')],
    [e('.wh.')],
    [e('l', 'link', '/etc/passwd')],
    [e('l', 'link', '../x')],
    circle,
    [e('/')],
  ]) {
    assert.throws(
      () => planAll(...entries),
      { code: 'BAD_LAYER' },
      entries.map((entry) => entry.name).join(),
    );
  }
});

test('LayerPlanner.plan() sets the owner before the mode, so that setuid survives, and the time last', () => {
  const value = Buffer.from([1, 0, 0, 2, 0x80]);
  const entry = tarEntry('su', 'file', 0o4755, {
    uid: 1,
    gid: 2,
    mtimeS: 5.25,
    xattrs: [
      ['security.capability', value],
      ['trusted.overlay.redirect', value],
    ],
  });
  assert.deepEqual(new LayerPlanner().plan(entry).after, [
    { op: 'chown', path: '/su', uid: 1, gid: 2 },
    { op: 'chmod', path: '/su', mode: 0o4755 },
    { op: 'xattr', path: '/su', name: 'security.capability', value },
    { op: 'utimes', path: '/su', seconds: 5, nanoseconds: 250_000_000 },
  ]);
});

test('LayerPlanner.end() sets the times of directories that are still there', () => {
  const planner = new LayerPlanner();
  const dir = (name: string, mtimeS: number) => planner.plan(tarEntry(name, 'directory', 0o755, { mtimeS }));
  dir('./', 1);
  dir('a', 2);
  dir('b', 3);
  planner.plan(e('a'));
  assert.deepEqual(
    planner.end().map((action) => (action.op === 'utimes' ? [action.path, action.seconds] : [])),
    [
      ['/', 1],
      ['/b', 3],
    ],
  );
});
