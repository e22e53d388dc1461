import { existsSync } from 'node:fs';
import { MydockerError } from '../base/index.ts';
import { containerDir, readRecord } from '../storage/index.ts';
import { buryWhole } from './bury.ts';
import type { Core } from './core.ts';
import { recordContainerEvent } from './events-file.ts';
import { withHold } from './hold.ts';
import { BUSY_MS, isBroken, refuseBroken, settledLife, waitTurn } from './status.ts';
import { deliver, endOf, SIGKILL } from './stop.ts';
import { dropContainer } from './sweep.ts';

function running(label: string): MydockerError {
  return new MydockerError('RUNNING', `cannot remove ${label}: it is running`, {
    subject: label,
    remedy: `stop it first (mydocker stop ${label}), or use rm -f`,
    exitCode: 1,
  });
}

/**
 * Removes a container: refused while it runs, unless forced; one that is being started is waited for. Idempotent: a
 * second one, or one after a crash, ends in the same state. Files are removed without crossing into any mount.
 */
export async function removeContainer(
  core: Core,
  id: string,
  options: { force?: boolean; volumes?: boolean } = {},
): Promise<void> {
  for (const deadlineMs = Date.now() + BUSY_MS; ; await waitTurn(deadlineMs, id)) {
    const record = readRecord(core.paths, id);
    // Without its record it is nothing but files and a name, which go.
    if (record === undefined && !existsSync(containerDir(core.paths, id))) return;
    const isWhole = record !== undefined && !isBroken(record);
    const name = isWhole ? record.name : undefined;
    const label = name ?? id.slice(0, 12);
    const life = await settledLife(core.paths, id);
    if (options.force !== true) {
      if (life.status === 'running') throw running(label);
      refuseBroken(life, label, 'remove');
    }
    if (life.status === 'running' || life.status === 'broken') {
      if (isWhole) recordContainerEvent(core.paths, record, 'kill', { signal: String(SIGKILL) });
      const client = await deliver(core, id, SIGKILL);
      if (client !== undefined) await endOf(core, id, client);
    }
    if (life.dead) await buryWhole(core, id, label);
    else if (life.status === 'broken') await buryWhole(core, id, label, true);
    // Taken: it was started this very moment, or somebody else removes it.
    const volumes = options.volumes === true || (isWhole && record.autoRemove);
    const there = existsSync(containerDir(core.paths, id));
    if (await withHold(core, id, () => dropContainer(core, id, name, volumes))) {
      if (there && isWhole) recordContainerEvent(core.paths, record, 'destroy');
      return;
    }
  }
}

/** Takes back what a failed `run` created, unless somebody else has started it meanwhile. */
export async function discardContainer(core: Core, id: string, name: string): Promise<void> {
  await withHold(core, id, () => dropContainer(core, id, name, true));
}
