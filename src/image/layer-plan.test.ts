import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Action } from '../plan/index.ts';
import { LayerPlanner } from './layer-plan.ts';
import { type Lower, type LowerDirs, type LowerFile, NO_LOWER } from './lower.ts';
import { type EntryType, type TarEntry, tarEntry } from './tar-entry.ts';

/** What an action does, without the owner, mode and time every entry gets. */
function words(action: Action): string[] {
  if (action.op === 'chown' || action.op === 'chmod' || action.op === 'utimes') return [];
  const { op, ...args } = action;
  return [
    [op, ...Object.values(args).map((value) => (value instanceof Uint8Array ? `${value}` : value))].join(' '),
  ];
}

function planWith(lower: Lower, entries: readonly TarEntry[], withEnd = false): string[] {
  const planner = new LayerPlanner(lower);
  const list = entries.flatMap((entry) => {
    const { before, filePath, after } = planner.plan(entry);
    const file = filePath === undefined ? [] : [`file ${filePath}`];
    return [...before.flatMap(words), ...file, ...after.flatMap(words)];
  });
  return withEnd ? [...list, ...Array.from(planner.end()).flatMap(words)] : list;
}

function planAll(...entries: TarEntry[]): string[] {
  return planWith(NO_LOWER, entries);
}

/** A layer below, "base": directories end in a slash, links say where they lead. */
function below(...names: string[]): Lower {
  const kinds = new Map(names.map((text) => [text.replace(/\/$| -> .*/g, ''), text]));
  const look = (dirs: LowerDirs, base: string): LowerFile | undefined => {
    const at = `${dirs[0]}/${base}`;
    const text = kinds.get(at.slice('base/'.length));
    if (text === undefined) return undefined;
    if (text.endsWith('/')) return { kind: 'directory', dirs: [at], mtimeS: 9, mtimeNs: 8 };
    const [, target] = text.split(' -> ');
    return target === undefined ? { kind: 'other', at } : { kind: 'symlink', target, at };
  };
  const root: LowerFile = { kind: 'directory', dirs: ['base'], mtimeS: 1, mtimeNs: 2 };
  return { root: () => root, look, names: () => new Set(names.map((name) => name.replace(/[/ ].*/, ''))) };
}

function e(name: string, type: EntryType = 'file', linkName = ''): TarEntry {
  return tarEntry(name, type, type === 'directory' ? 0o755 : 0o644, { linkName });
}

const OPAQUE = 'trusted.overlay.opaque y';
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
  ['turns a whiteout into device 0:0', [e('a/.wh.x')], ['mkdir /a 493', 'mknod /a/x 8192 0 0']],
  ['lets a whiteout hide only what is below', [e('x'), e('.wh.x')], ['file /x']],
  [
    'makes a directory opaque when it replaces what a whiteout hid',
    [e('.wh.x'), e('x/y')],
    ['mknod /x 8192 0 0', 'unlink /x', 'mkdir /x 493', `xattr /x ${OPAQUE}`, 'file /x/y'],
  ],
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
      ...['unlink /a', 'mkdir /a 493', `xattr /a ${OPAQUE}`, 'mknod /y 8192 0 0', 'mknod /a/x 8192 0 0'],
    ],
  ],
  [
    'takes a device 0:0 for the whiteout it will be',
    [e('w', 'character-device'), e('w/x')],
    ['mknod /w 8612 0 0', 'unlink /w', 'mkdir /w 493', `xattr /w ${OPAQUE}`, 'file /w/x'],
  ],
  [
    'links to links',
    [e('a', 'symlink', 'd'), e('b', 'link', 'a'), e('b/x')],
    ['symlink d /a', 'link /a /b', 'mkdir /d 493', 'file /d/x'],
  ],
  ['makes hard links', [e('a'), e('b', 'link', './a')], ['file /a', 'link /a /b']],
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

const LOWER_ROWS: ReadonlyArray<readonly [name: string, lower: Lower, entries: TarEntry[], steps: string[]]> =
  [
    [
      'makes missing parents like those below',
      below('a/', 'a/b/', 'c'),
      [e('a/b/x'), e('c/x')],
      [
        ...['mkdir /a 493', 'copy-attributes 0 base/a /a', 'mkdir /a/b 493'],
        ...['copy-attributes 0 base/a/b /a/b', 'file /a/b/x', 'mkdir /c 493', 'file /c/x'],
      ],
    ],
    [
      'goes through links of a layer below, never above the root',
      below('lib -> usr/lib', 'usr/', 'usr/lib/', 'up -> ../..', 'abs -> /usr'),
      [e('lib/x'), e('up/y'), e('abs/z')],
      [
        ...['mkdir /usr 493', 'copy-attributes 0 base/usr /usr', 'mkdir /usr/lib 493'],
        ...['copy-attributes 0 base/usr/lib /usr/lib', 'file /usr/lib/x', 'file /y', 'file /usr/z'],
      ],
    ],
    [
      'goes through no link that this layer hides',
      below('a -> b', 'd/', 'd/a -> b'),
      [
        e('a/1'),
        e('.wh.a'),
        e('a/2'),
        e('d/.wh..wh..opq'),
        e('d/a/3'),
        e('e', 'symlink', 'a'),
        e('a'),
        e('a/4'),
      ],
      [
        ...[
          'mkdir /b 493',
          'file /b/1',
          'mknod /a 8192 0 0',
          'unlink /a',
          'mkdir /a 493',
          `xattr /a ${OPAQUE}`,
        ],
        ...['file /a/2', 'mkdir /d 493', 'copy-attributes 0 base/d /d', `xattr /d ${OPAQUE}`],
        ...['mkdir /d/a 493', 'file /d/a/3', 'symlink a /e', 'remove-tree /a', 'file /a'],
        ...['unlink /a', 'mkdir /a 493', `xattr /a ${OPAQUE}`, 'file /a/4'],
      ],
    ],
    [
      'a file hides a link below from what follows',
      below('a -> b'),
      [e('a/1'), e('a'), e('a/2')],
      [
        'mkdir /b 493',
        'file /b/1',
        'file /a',
        'unlink /a',
        'mkdir /a 493',
        `xattr /a ${OPAQUE}`,
        'file /a/2',
      ],
    ],
    [
      'a directory replaces a link below',
      below('a -> b'),
      [e('a', 'directory'), e('a/x')],
      ['mkdir /a 493', 'file /a/x'],
    ],
    [
      'copies a file up for a hard link to it, once',
      below('d/', 'd/f', 'l -> d'),
      [e('x', 'link', 'd/f'), e('y', 'link', 'l/f'), e('z', 'link', 'l')],
      [
        ...['mkdir /d 493', 'copy-attributes 0 base/d /d', 'copy-up 0 base/d/f /d/f', 'link /d/f /x'],
        ...['link /d/f /y', 'copy-up 0 base/l /l', 'link /l /z'],
      ],
    ],
    [
      'hides a file that was copied up only for a link',
      below('f', 'l -> f'),
      [e('x', 'link', 'f'), e('.wh.f'), e('y', 'link', 'l'), e('.wh.l')],
      [
        ...['copy-up 0 base/f /f', 'link /f /x', 'unlink /f', 'mknod /f 8192 0 0'],
        ...['copy-up 0 base/l /l', 'link /l /y', 'unlink /l', 'mknod /l 8192 0 0'],
      ],
    ],
  ];

test('LayerPlanner.plan() sees what lies below as a container would', async (t) => {
  for (const [name, lower, entries, expected] of LOWER_ROWS) {
    await t.test(name, () => assert.deepEqual(planWith(lower, entries), expected));
  }
});

test('LayerPlanner.plan() refuses hard links to directories below and circles of links across layers', () => {
  const lower = below('d/', 'a -> b');
  for (const entries of [
    [e('x', 'link', 'd')],
    [e('b', 'symlink', 'a'), e('a/x')],
    [e('x', 'link', 'none')],
  ]) {
    assert.throws(() => planWith(lower, entries), { code: 'BAD_LAYER' });
  }
});

test('LayerPlanner.end() hides every name below an opaque root, and gives an unnamed root the metadata below', () => {
  assert.deepEqual(planWith(below('a/', 'b', 'c/', 'd -> a'), [e('b'), e('c/x'), e('.wh..wh..opq')], true), [
    ...['file /b', 'mkdir /c 493', 'copy-attributes 0 base/c /c', 'file /c/x', `xattr / ${OPAQUE}`],
    ...['copy-attributes 0 base /', 'mknod /a 8192 0 0', `xattr /c ${OPAQUE}`, 'mknod /d 8192 0 0'],
  ]);
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
