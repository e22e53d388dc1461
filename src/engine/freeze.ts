import { existsSync, readFileSync } from 'node:fs';
import { MydockerError, sleep } from '../base/index.ts';
import { cgroupFile } from '../runtime/index.ts';
import type { ContainerRecord } from '../storage/index.ts';
import type { Core } from './core.ts';
import { cgroupsPath } from './oci.ts';

const FREEZE_WAIT_MS = 10_000;

/** A frozen cgroup says so only when its last task has stopped. Throws FREEZE_TIMEOUT. */
export async function untilFrozen(core: Core, record: ContainerRecord, remedy: string): Promise<void> {
  const files = { v1: 'freezer.state', v2: 'cgroup.events' };
  const path = cgroupFile(core.cgroups(), cgroupsPath(record), 'freezer', files);
  const deadline = Date.now() + FREEZE_WAIT_MS;
  while (path !== undefined && existsSync(path)) {
    const text = readFileSync(path, 'latin1');
    if (text.startsWith('FROZEN') || text.includes('frozen 1')) return;
    if (Date.now() > deadline) {
      throw new MydockerError(
        'FREEZE_TIMEOUT',
        'the container could not be paused: a process of it does not stop',
        { subject: record.name, remedy, exitCode: 1 },
      );
    }
    await sleep(1);
  }
}
