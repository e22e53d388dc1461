import type { Action } from './step.ts';

const quote = (text: string): string => JSON.stringify(text);
const octal = (mode: number): string => (mode === 0 ? '0' : `0${mode.toString(8)}`);
const slot = (number: number): string => `slot ${number}`;

/** Copying into a tree in use: codes 111 to 119. */
export function putText(a: Action): string | undefined {
  switch (a.op) {
    case 'open-in-root':
      return `openat2(${quote(a.path)}, O_PATH, RESOLVE_IN_ROOT) into ${slot(a.slot)}`;
    case 'put-directory':
      return `mkdirat(${slot(a.slot)}, ${quote(a.path)}, ${octal(a.mode)}), unless it is there`;
    case 'put-file':
      return `openat(${slot(a.slot)}, a name beside ${quote(a.path)}, O_CREAT|O_EXCL)`;
    case 'put-node':
      return `mknodat(${slot(a.slot)}, a name beside ${quote(a.path)}, ${octal(a.mode)}, ${a.major}:${a.minor})`;
    case 'put-symlink':
      return `symlinkat(${quote(a.target)}, ${slot(a.slot)}, a name beside ${quote(a.path)})`;
    case 'put-link':
      return `linkat(${slot(a.slot)}, ${quote(a.from)}, ${slot(a.slot)}, ${quote(a.path)})`;
    case 'put-owner':
      return `fchownat(the new file, ${a.uid}, ${a.gid})`;
    case 'put-xattr':
      return `fsetxattr(the new file, ${quote(a.name)}, ${a.value.length} bytes)`;
    case 'put-end':
      return `fchmod(${octal(a.mode)}), utimensat(${a.seconds}), renameat(to its place)`;
    default:
      return undefined;
  }
}
