/** For tests: a StepSink that decodes what it is given, and can carry the harmless part of it out in a directory. */
import {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { type ArgsOf, OPS, type OpName, type Step } from '../plan/index.ts';
import type { OpenSteps, StepSink } from './steps.ts';

/** A decoded step; strings and bytes as latin1 text. */
export type Seen = { op: OpName } & Record<string, string | number>;

const HEAD_BYTES = 12;

function decodeStep(bytes: Buffer, start: number): [seen: Seen, next: number] {
  const code = bytes.readUInt16LE(start);
  const row = Object.entries(OPS).find(([, value]) => value.code === code);
  if (row === undefined) throw new Error(`unknown operation ${code}`);
  const end = start + HEAD_BYTES + bytes.readUInt32LE(start + 8);
  const seen: Seen = { op: row[0] as OpName };
  let at = start + HEAD_BYTES;
  for (const [name, kind] of Object.entries(row[1].args)) {
    if (kind === 'u32') {
      seen[name] = bytes.readUInt32LE(at);
      at += 4;
    } else if (kind === 'u64') {
      seen[name] = Number(bytes.readBigInt64LE(at));
      at += 8;
    } else {
      const length = bytes.readUInt32LE(at);
      seen[name] = bytes.toString('latin1', at + 4, at + 4 + length);
      at += 4 + length + (kind === 'str' ? 1 : 0);
    }
  }
  if (at !== end) throw new Error(`step ${row[0]} has ${end - at} bytes too many`);
  return [seen, end];
}

function perform(root: string, seen: Seen, open: { file: string }): void {
  const args = seen as unknown as ArgsOf<'rename'> & ArgsOf<'chmod'> & ArgsOf<'symlink'> & ArgsOf<'utimes'>;
  const path = `${root}${args.path}`;
  if (seen.op === 'mkdir') mkdirSync(path, args.mode);
  else if (seen.op === 'create-file') {
    rmSync(path, { force: true });
    writeFileSync(path, '', { flag: 'wx' });
    open.file = path;
  } else if (seen.op === 'file') {
    rmSync(path, { force: true });
    writeFileSync(path, String(seen.data), { encoding: 'latin1', flag: 'wx', mode: args.mode });
  } else if (seen.op === 'file-data') appendFileSync(open.file, String(seen.data), 'latin1');
  else if (seen.op === 'symlink') symlinkSync(args.target, path);
  else if (seen.op === 'link') linkSync(`${root}${args.from}`, path);
  else if (seen.op === 'unlink' || seen.op === 'remove-tree') rmSync(path, { recursive: true });
  else if (seen.op === 'chmod') chmodSync(path, args.mode);
  else if (seen.op === 'utimes' && path.endsWith('/'))
    utimesSync(path, Number(args.seconds), Number(args.seconds));
}

/** `performing`: also does mkdir, file, create-file, file-data, symlink, link, unlink, remove-tree, chmod for real. */
export function fakeShim(performing: boolean): { openSteps: OpenSteps; seen: Seen[] } {
  const seen: Seen[] = [];
  const openSteps = async (initial: readonly Step[]): Promise<StepSink> => {
    const first = initial.find((step) => step.op === 'chroot');
    if (first === undefined) throw new Error('there is no chroot before the first step');
    const open = { file: '' };
    return {
      write(bytes) {
        for (let at = 0; at < bytes.length; ) {
          const [step, next] = decodeStep(bytes, at);
          seen.push(step);
          if (performing) perform(first.path, step, open);
          at = next;
        }
        return true;
      },
      ready: async () => {},
      close: async () => {},
    };
  };
  return { openSteps, seen };
}
