import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LayerPlanner } from './layer-plan.ts';
import { NO_LOWER } from './lower.ts';
import { e, OPAQUE, planWith } from './plan-words.ts';
import { type EntryType, type TarEntry, tarEntry } from './tar-entry.ts';

function planAll(...entries: TarEntry[]): string[] {
  return planWith(NO_LOWER, entries);
}

const ROWS: ReadonlyArray<readonly [name: string, entries: TarEntry[], steps: string[]]> = [
  ['makes missing parents', [e('/./a/b/c')], ['mkdir /a 493', 'mkdir /a/b 493', 'file /a/b/c']],
  ['keeps an existing directory', [e('a/b'), e('a/', 'directory')], ['mkdir /a 493', 'file /a/b']],
  [
    'replaces a directory by a file and back',
    [e('a', 'directory'), e('a/x'), e('a'), e('a/x')],
    [
      ...['mkdir /a 493', 'file /a/x', 'remove-tree /a', 'file /a'],
      ...['unlink /a', 'mkdir /a 493', `xattr /a ${OPAQUE}`, 'file /a/x'],
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
      ...['mkdir /usr 493', 'mkdir /usr/lib 493', 'symlink usr/lib /lib', 'file /usr/lib/x'],
      ...['symlink ../../.. /up', 'file /y'],
    ],
  ],
  ['leaves a whiteout out that hides nothing', [e('a/.wh.x')], ['mkdir /a 493']],
  ['lets a whiteout hide only what is below', [e('x'), e('.wh.x')], ['file /x']],
  ['makes a directory opaque', [e('a/.wh..wh..opq')], ['mkdir /a 493', `xattr /a ${OPAQUE}`]],
  ['ignores the notes of aufs', [e('.wh..wh.plnk')], []],
  ['skips what aufs noted for itself', [e('.wh..wh.plnk/1.2')], []],
  [
    'lets the last of two entries win',
    [e('a'), e('a'), e('a', 'symlink', 'b')],
    ['file /a', 'file /a', 'unlink /a', 'symlink b /a'],
  ],
  [
    'forgets what lay in a directory that was replaced',
    [e('a/x'), e('a', 'symlink', 'b'), e('a', 'directory'), e('.wh.y'), e('a/.wh.x')],
    [
      ...['mkdir /a 493', 'file /a/x', 'remove-tree /a', 'symlink b /a'],
      ...['unlink /a', 'mkdir /a 493', `xattr /a ${OPAQUE}`],
    ],
  ],
  [
    'links to links',
    [e('a', 'symlink', 'd'), e('b', 'link', 'a'), e('b/x')],
    ['symlink d /a', 'link /a /b', 'mkdir /d 493', 'file /d/x'],
  ],
  ['makes hard links', [e('a'), e('b', 'link', './a')], ['file /a', 'link /a /b']],
  [
    'makes devices with their type',
    [tarEntry('n', 'character-device', 0o644, { devMajor: 1, devMinor: 3 })],
    ['mknod /n 8612 1 3'],
  ],
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
    [e('d', 'directory'), e('l', 'link', 'd')],
    [e('.wh.w'), e('l', 'link', 'w')],
    [e('a'), e('a', 'link', 'a')],
    [e('a/b'), e('a', 'link', 'a/b')],
    [e('.wh.a/b')],
    [e('n'.repeat(256))],
    [e(`${'long/'.repeat(819)}x`)],
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

test('LayerPlanner.opaque() lists what nothing shows through', () => {
  const planner = new LayerPlanner();
  for (const name of ['a/b/.wh..wh..opq', 'c/.wh..wh..opq', 'c', '.wh..wh..opq']) planner.plan(e(name));
  assert.deepEqual(planner.opaque(), ['', '/a/b']);
});

test('LayerPlanner.plan() takes user attributes and capabilities only, and leaves owner and time to the file', () => {
  const value = Buffer.from([1, 0, 0, 2, 0x80]);
  const xattrs: TarEntry['xattrs'] = [
    ['security.capability', value],
    ['user.a', value],
    ['trusted.overlay.redirect', value],
    ['trusted.x', value],
    ['security.selinux', value],
  ];
  const names = (type: EntryType) =>
    new LayerPlanner()
      .plan(tarEntry('x', type, 0o4755, { xattrs, linkName: 'y' }))
      .after.map((action) => (action.op === 'xattr' ? action.name : action.op));
  assert.deepEqual(names('file'), ['security.capability', 'user.a']);
  assert.deepEqual(names('directory'), ['chown', 'chmod', 'user.a']);
  assert.deepEqual(names('symlink'), ['chown', 'utimes']);
  assert.deepEqual(names('fifo'), ['chown', 'chmod', 'utimes']);
});

test('LayerPlanner.end() sets the times of directories that are still there', () => {
  const planner = new LayerPlanner();
  const dir = (name: string, mtimeS: number) => planner.plan(tarEntry(name, 'directory', 0o755, { mtimeS }));
  dir('./', 1);
  dir('a', 2);
  dir('b', 3);
  planner.plan(e('a'));
  assert.deepEqual(
    Array.from(planner.end(), (action) => (action.op === 'utimes' ? [action.path, action.seconds] : [])),
    [
      ['/', 1],
      ['/b', 3],
    ],
  );
});
