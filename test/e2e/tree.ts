/** Trees of files, entry by entry: what was packed must come out again. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** Python's os module sees what Node's fs does not: extended attributes, names that are no text. */
const LIST = `
import os, stat, sys, hashlib
root = os.fsencode(sys.argv[1]); first = {}; without = [os.fsencode(a) for a in sys.argv[3:]]
def line(path, name):
    s = os.lstat(path); kind = stat.S_IFMT(s.st_mode)
    out = [name.hex(), oct(s.st_mode), s.st_uid, s.st_gid]
    out.append(s.st_size if stat.S_ISREG(s.st_mode) else 0)
    out.append(s.st_mtime_ns if sys.argv[2] == 'ns' else s.st_mtime_ns // 10**9)
    out.append(os.readlink(path).hex() if stat.S_ISLNK(s.st_mode) else '')
    out.append('%d:%d' % (os.major(s.st_rdev), os.minor(s.st_rdev)) if stat.S_ISCHR(s.st_mode) or stat.S_ISBLK(s.st_mode) else '')
    link = b''
    if stat.S_ISREG(s.st_mode) and s.st_nlink > 1: link = first.setdefault((s.st_dev, s.st_ino), name)
    out.append(link.hex() if link and link != name else '')
    xattrs = []
    if not stat.S_ISLNK(s.st_mode):
        for key in sorted(os.listxattr(path)):
            if key.startswith('user.') or key == 'security.capability': xattrs.append(key + '=' + os.getxattr(path, key).hex())
    out.append(','.join(xattrs))
    out.append(hashlib.sha256(open(path, 'rb').read()).hexdigest() if stat.S_ISREG(s.st_mode) else '')
    print('|'.join(map(str, out)))
def walk(path, name):
    line(path, name)
    if stat.S_ISDIR(os.lstat(path).st_mode):
        for child in sorted(os.listdir(path)):
            if name + b'/' + child not in without: walk(path + b'/' + child, name + b'/' + child)
walk(root, b'.')
`;

/**
 * Every entry below a directory: name, mode, uid, gid, size, mtime, link target, device, hard link, extended
 * attributes, content. `nanoseconds`: times to the last digit. `without`: names that are left out, "./proc".
 */
export function treeOf(
  directory: string,
  options: { nanoseconds?: boolean; without?: readonly string[] } = {},
): string[] {
  const { nanoseconds = false, without = [] } = options;
  const args = ['-c', LIST, directory, nanoseconds ? 'ns' : 's', ...without];
  const text = execFileSync('/usr/bin/python3', args, { encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 });
  return text.trimEnd().split('\n');
}

/** The name in a line of treeOf. */
export function nameIn(line: string): string {
  return Buffer.from(line.split('|')[0] ?? '', 'hex').toString('latin1');
}

export function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}
