import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Lower } from './lower.ts';
import { below, e, OPAQUE, planWith } from './plan-words.ts';
import type { TarEntry } from './tar-entry.ts';

const LOWER_ROWS: ReadonlyArray<readonly [name: string, lower: Lower, entries: TarEntry[], steps: string[]]> =
  [
    [
      'turns a whiteout into device 0:0 where it hides something, and leaves out all others',
      below('a/', 'a/x', 'f'),
      [e('a/.wh.x'), e('a/.wh.y'), e('.wh.f'), e('new/.wh.x'), e('f/.wh.z')],
      [
        ...['mkdir /a 493', 'copy-attributes 0 base/a /a', 'mknod /a/x 8192 0 0', 'mknod /f 8192 0 0'],
        ...['mkdir /new 493', 'unlink /f', 'mkdir /f 493', `xattr /f ${OPAQUE}`],
      ],
    ],
    [
      'lets a file stay that replaced a directory, whatever whiteouts of that directory follow',
      below('a/', 'a/x', 'l -> a'),
      [e('a'), e('a/.wh.x'), e('l', 'symlink', 'a'), e('l/.wh.x'), e('a/.wh..wh..opq')],
      ['file /a', 'symlink a /l'],
    ],
    [
      'makes a directory opaque when it replaces what a whiteout hid',
      below('x'),
      [e('.wh.x'), e('x/y')],
      ['mknod /x 8192 0 0', 'unlink /x', 'mkdir /x 493', `xattr /x ${OPAQUE}`, 'file /x/y'],
    ],
    [
      'takes a device 0:0 for the whiteout it would be',
      below('w'),
      [e('w', 'character-device'), e('w/x'), e('v', 'character-device')],
      ['mknod /w 8192 0 0', 'unlink /w', 'mkdir /w 493', `xattr /w ${OPAQUE}`, 'file /w/x'],
    ],
    [
      'drops what hid something below, or came from there, when nothing shows through any more',
      below('a/', 'a/x', 'a/b/', 'a/b/y', 'a/f'),
      [e('a/.wh.x'), e('a/b/.wh.y'), e('h', 'link', 'a/f'), e('a/.wh..wh..opq'), e('a/b/.wh.y')],
      [
        ...['mkdir /a 493', 'copy-attributes 0 base/a /a', 'mknod /a/x 8192 0 0', 'mkdir /a/b 493'],
        ...['copy-attributes 0 base/a/b /a/b', 'mknod /a/b/y 8192 0 0', 'copy-up 0 base/a/f /a/f'],
        ...['link /a/f /h', `xattr /a ${OPAQUE}`, 'unlink /a/x', 'unlink /a/b/y', 'unlink /a/f'],
      ],
    ],
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
