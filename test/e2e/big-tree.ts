/** A root file system of the usual size, made of the host's own /usr: 10,000 files, 300 MB. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';

export const BIG_FILES = 10_000;
export const BIG_BYTES = 300_000_000;
/** So far the bytes may run ahead of the files: a few large ones are among them. */
const AHEAD_BYTES = 40_000_000;

/** Names of files, links and directories below /usr that make up a tree of that size, or less where /usr has less. */
function choose(): { names: string[]; files: number; bytes: number } {
  // Programs, libraries, documents; files that lie together are read fast from a slow disk too.
  const find = "cd /usr; find bin lib share -xdev '(' -type f -o -type l ')' -printf '%y %s %p\\0'";
  const most = 8 * BIG_FILES;
  const command = `${find} | head -z -n ${most}`;
  const list = execFileSync('sh', ['-c', command], { encoding: 'latin1', maxBuffer: 2 ** 28 });
  const all = list.split('\0').filter((line) => line !== '');
  const chosen = { names: [] as string[], files: 0, bytes: 0 };
  for (const line of all) {
    if (chosen.files === BIG_FILES) break;
    const [, kind, size = '', name = ''] = /^(.) (\d+) (.*)$/s.exec(line) ?? [];
    const bytes = kind === 'f' ? Number(size) : 0;
    const most = Math.min(BIG_BYTES, (chosen.files / BIG_FILES) * BIG_BYTES + AHEAD_BYTES);
    if (chosen.bytes + bytes > most) continue;
    chosen.names.push(name);
    chosen.files++;
    chosen.bytes += bytes;
  }
  return chosen;
}

/** Fills a directory, which must not be there yet. Beside what is copied it has a busybox, so that it runs. */
export function makeBigTree(directory: string): void {
  mkdirSync(`${directory}/usr`, { recursive: true });
  mkdirSync(`${directory}/bin`);
  const { names, files, bytes } = choose();
  const input = Buffer.from(names.map((name) => `${name}\0`).join(''), 'latin1');
  const copy =
    'tar -C /usr --xattrs --no-recursion --null --verbatim-files-from -c -T - | tar -C "$0/usr" --xattrs --xattrs-include=* -xp';
  execFileSync('bash', ['-ec', `set -o pipefail; ${copy}`, directory], { input });
  execFileSync('cp', ['/bin/busybox', `${directory}/bin/busybox`]);
  for (let n = files; n < BIG_FILES; n++) writeFileSync(`${directory}/usr/small-${n}`, `file ${n}\n`);
  if (bytes < BIG_BYTES) writeFileSync(`${directory}/usr/rest`, randomBytes(BIG_BYTES - bytes));
}
