import { MydockerError } from '../base/index.ts';
import { readRecord } from '../storage/index.ts';
import type { Core } from './core.ts';
import { isBroken, lifeOf, refuseBroken } from './status.ts';
import { connectMonitor, SIGKILL, signalOrGone } from './stop.ts';
import { bury, dropContainer } from './sweep.ts';

/**
 * Removes a container: refused while it runs, unless forced. Idempotent: a second one, or one after a crash,
 * ends in the same state. Files are removed without crossing into any mount.
 */
export async function removeContainer(
  core: Core,
  id: string,
  options: { force?: boolean } = {},
): Promise<void> {
  const record = readRecord(core.paths, id);
  if (record === undefined) return;
  const name = isBroken(record) ? undefined : record.name;
  const label = name ?? id.slice(0, 12);
  const life = lifeOf(core.paths, id);
  if (life.status === 'running' && options.force !== true) {
    throw new MydockerError('RUNNING', `cannot remove ${label}: it is running`, {
      subject: label,
      remedy: `stop it first (mydocker stop ${label}), or use rm -f`,
      exitCode: 1,
    });
  }
  if (options.force !== true) refuseBroken(life, label, 'remove');
  if (life.status === 'running' || life.status === 'broken') {
    const client = await connectMonitor(core, id, 0);
    if (client !== undefined) {
      await signalOrGone(client, SIGKILL);
      await client.end;
    }
  }
  const after = lifeOf(core.paths, id);
  if (after.dead || after.status === 'broken') await bury(core, id);
  await dropContainer(core, id, name);
}
