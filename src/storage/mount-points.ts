import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { errnoOf } from '../base/errors.ts';
import { stagingName } from './owner.ts';

const DIRECTORIES = ['dev', 'proc', 'sys', 'etc'];
const FILES = ['etc/hosts', 'etc/hostname', 'etc/resolv.conf'];

/** The lowest layer of every container: empty mount points, so that none has to be made in the container's own. */
export function mountPointsDir(root: string): string {
  return `${root}/layers/mountpoints`;
}

/**
 * Makes that layer once. With it a container that changes nothing has an empty upper directory, and `commit` finds no
 * empty /etc/hosts in it. Atomic: appears by rename.
 */
export function createMountPoints(root: string): void {
  const target = mountPointsDir(root);
  if (existsSync(target)) return;
  const staging = `${root}/layers/${stagingName()}`;
  mkdirSync(staging, { mode: 0o755 });
  try {
    for (const name of DIRECTORIES) mkdirSync(`${staging}/${name}`, { mode: 0o755 });
    for (const name of FILES) writeFileSync(`${staging}/${name}`, '', { mode: 0o644 });
    renameSync(staging, target);
  } catch (error) {
    const errno = errnoOf(error);
    rmSync(staging, { recursive: true, force: true });
    // Another first command was faster.
    if (errno !== 'ENOTEMPTY' && errno !== 'EEXIST') throw error;
  }
}
