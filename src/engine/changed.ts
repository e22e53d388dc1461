import { MydockerError } from '../base/index.ts';
import { containerDir, fileVersion, wiringFile } from '../storage/index.ts';
import type { Core } from './core.ts';

/** Of what is on the disk about a container: what a plan was made from. `plugs`: absent where nobody can change them. */
export interface Version {
  record: string;
  plugs?: string;
}

export function recordVersion(core: Core, id: string): string {
  return fileVersion(`${containerDir(core.paths, id)}/container.json`);
}

export function plugsVersion(core: Core, id: string): string {
  return fileVersion(wiringFile(containerDir(core.paths, id)));
}

export function isCurrent(core: Core, id: string, { record, plugs }: Version): boolean {
  return record === recordVersion(core, id) && (plugs === undefined || plugs === plugsVersion(core, id));
}

/** Somebody changed the container while its plan was made; nothing was started. */
export class ChangedMeanwhile extends MydockerError {
  constructor(name: string) {
    super('BUSY', `cannot start ${name}: others change it all the time`, {
      subject: name,
      remedy: 'wait until they are done, and try again',
      exitCode: 1,
    });
  }
}
