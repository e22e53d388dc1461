import { mkdirSync, symlinkSync } from 'node:fs';
import { randomHex } from '../base/index.ts';
import { ownMark } from '../storage/index.ts';

/* Directories that are renamed into their places when all is in them: what is the same in those of all containers. */

/** The directory of a container that is to be made, and its id. */
export interface ReadyContainer {
  id: string;
  staging: string;
}

/**
 * 64 hex digits. The first twelve are the host name, and are never decimal digits alone: getaddrinfo(3) takes such a name for
 * an address, and no container could look up its own.
 */
export function newId(): string {
  for (;;) {
    const id = randomHex(32);
    if (!/^\d{12}/.test(id)) return id;
  }
}

/** Throws errnos. */
export function makeContainerDir(staging: string): void {
  mkdirSync(staging, { mode: 0o700 });
  mkdirSync(`${staging}/upper`, { mode: 0o755 });
  mkdirSync(`${staging}/work`, { mode: 0o700 });
}

/** The run directory of one that starts. Throws errnos. */
export function makeRunDir(staging: string): void {
  mkdirSync(staging, { mode: 0o700 });
  symlinkSync(ownMark(), `${staging}/owner`);
}
