/** The reader of layers, and what the planner makes of what it reads. */

import { LayerPlanner } from '../../src/image/layer-plan.ts';
import type { Lower, LowerDirs, LowerFile } from '../../src/image/lower.ts';
import { type TarEntry, tarEntry } from '../../src/image/tar-entry.ts';
import { TarReader } from '../../src/image/tar-read.ts';
import { tarHeader } from '../../src/image/tar-write.ts';
import { StepBuffer } from '../../src/plan/index.ts';
import { holds, refuses, type Target } from './target.ts';

const BLOCK = 512;
const MAX_ENTRIES = 2000;

/** A layer below that has something under every name: which kind, its length says. */
const BELOW: Lower = {
  root: () => ({ kind: 'directory', dirs: ['base'], mtimeS: 0, mtimeNs: 0 }),
  look: (dirs: LowerDirs, base: string): LowerFile | undefined => {
    const at = `${dirs[0]}/${base}`;
    if (base.length % 4 === 0 || at.length > 200) return undefined;
    if (base.length % 4 === 1) return { kind: 'directory', dirs: [at], mtimeS: 0, mtimeNs: 0 };
    return base.length % 4 === 2 ? { kind: 'symlink', target: '../a/b', at } : { kind: 'other', at };
  },
  names: () => new Set(['a', 'bb', 'ccc']),
};

/** All that a reader tells, as one text; the entries it told of. */
function told(input: Buffer, pieces: readonly number[]): { log: string; entries: TarEntry[] } {
  const lines: string[] = [];
  const entries: TarEntry[] = [];
  let left = 0;
  const reader = new TarReader({
    entry(entry) {
      if (entries.push(entry) > MAX_ENTRIES) throw new Error('more entries than blocks');
      left = entry.size;
      lines.push(JSON.stringify(entry));
    },
    data(chunk) {
      left -= chunk.length;
    },
    hole(bytes) {
      holds('a hole has a size', bytes > 0 && Number.isSafeInteger(bytes));
      left -= bytes;
    },
    end() {
      holds('the content is as long as was said', left === 0);
      lines.push('end');
    },
  });
  try {
    let at = 0;
    for (let i = 0; at < input.length; i++) {
      const end = Math.min(input.length, at + (pieces[i % pieces.length] ?? BLOCK));
      reader.write(input.subarray(at, end));
      at = end;
    }
    reader.finish();
  } catch (error) {
    if (
      !refuses(() => {
        throw error;
      })
    )
      throw error;
    lines.push(String(error));
  }
  return { log: lines.join('\n'), entries };
}

function plans(entries: readonly TarEntry[], lower: Lower | undefined): void {
  const planner = new LayerPlanner(lower);
  const steps = new StepBuffer(64 * 1024);
  refuses(() => {
    for (const entry of entries) {
      const { before, filePath, after } = planner.plan(entry);
      for (const action of [...before, ...after]) {
        steps.add(action);
        if ('path' in action && typeof action.path === 'string') staysInside(action.path);
      }
      if (filePath !== undefined) staysInside(filePath);
    }
    for (const action of planner.end()) steps.add(action);
    planner.opaque();
  });
  steps.take();
}

function staysInside(path: string): void {
  holds('a path begins at the root', path.startsWith('/'));
  holds('a path has no ".."', !path.split('/').includes('..'));
  holds('a path is one that the kernel takes', path.length <= 4095 && !path.includes('\0'));
}

/** What we write of an entry, we read again. */
function roundTrip(entry: TarEntry): void {
  const { size, mtimeS, xattrs, devMajor, devMinor } = entry;
  const isWritable =
    size < 65536 &&
    Math.abs(mtimeS) < 1e15 &&
    [devMajor, devMinor].every((number) => number >= 0 && number <= 0o7777777) &&
    xattrs.every(([name]) => !/[=\0]/.test(name)) &&
    // An empty value takes a record of a global header back.
    entry.name !== '' &&
    // A file cannot be called so: it would be a directory.
    !(entry.type === 'file' && entry.name.endsWith('/'));
  if (!isWritable) return;
  const filling = Buffer.alloc(size + ((BLOCK - (size % BLOCK)) % BLOCK));
  const { entries } = told(Buffer.concat([tarHeader(entry), filling, Buffer.alloc(2 * BLOCK)]), [BLOCK]);
  const name = entry.type === 'directory' && !entry.name.endsWith('/') ? `${entry.name}/` : entry.name;
  const devices = entry.type.endsWith('-device') ? {} : { devMajor: 0, devMinor: 0 };
  const wanted = tarEntry(name, entry.type, entry.mode, { ...entry, name, ...devices });
  const got = entries.map((one) => ({ ...one, ...devices }));
  holds(
    `an entry is read as it was written: ${JSON.stringify(wanted)}`,
    JSON.stringify(got) === JSON.stringify([wanted]),
  );
}

/** Sums of all blocks that look like headers, made right. */
function withSums(input: Buffer): Buffer {
  const copy = Buffer.from(input);
  for (let at = 0; at + BLOCK <= copy.length; at += BLOCK) {
    const block = copy.subarray(at, at + BLOCK);
    if (block.toString('latin1', 257, 262) !== 'ustar' && block.toString('latin1', 148, 156).trim() === '')
      continue;
    block.fill(' ', 148, 156);
    let sum = 0;
    for (const byte of block) sum += byte;
    block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  }
  return copy;
}

export const tarTarget: Target = {
  name: 'tar',
  words: [
    ...['ustar\x0000', 'ustar  \0', '../', '/', '.wh.', '.wh..wh..opq', '\0', 'PaxHeaders', './'],
    ...[
      '12 path=a/b\n',
      '20 linkpath=../x/y\n',
      '11 size=99\n',
      '14 mtime=-1.5\n',
      '27 SCHILY.xattr.user.a=bcd\n',
    ],
    ...[
      '22 GNU.sparse.major=1\n',
      '25 GNU.sparse.map=0,1,2,3\n',
      '25 GNU.sparse.realsize=99\n',
      '00000000010\0',
    ],
    ...['\x80\0\0\0\0\0\0\0\0\0\0\x10', '\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff', '77777777777\0'],
  ],
  read(input) {
    const whole = told(input, [input.length || 1]);
    const first = input[0] ?? 1;
    const cut = told(input, [1 + (first % 700), 512, 1 + (input.length % 97), 2000]);
    holds('it reads the same however it arrives', whole.log === cut.log);
    plans(whole.entries, undefined);
    plans(whole.entries, BELOW);
    for (const entry of whole.entries.slice(0, 20)) roundTrip(entry);
  },
  repair: withSums,
};
