import { errnoOf } from '../base/index.ts';
import type { Step } from '../plan/index.ts';
import { LayerPlanner } from './layer-plan.ts';
import { type OpenSteps, StepBatch } from './steps.ts';
import { readTar } from './tar-read.ts';

/** Bytes of content in one step; well below what the shim takes. */
const CONTENT_BYTES = 32 * 1024;

/** The first steps of every unpacking: from then on the shim sees nothing but the layer. */
export function enterLayer(dir: string): Step[] {
  return [
    { op: 'chroot', path: dir, where: 'host', why: 'no link in the archive can lead out of the layer' },
    { op: 'umask', mask: 0, where: 'host', why: 'modes are those of the archive' },
  ];
}

/**
 * Unpacks an uncompressed tar into the existing empty directory `dir`, which must be nobody else's yet; the steps
 * are done by a shim that is chrooted there. Gives the sum of the files' sizes, in bytes.
 * Throws MydockerError: BAD_LAYER for a bad archive, the shim's own error when a step fails.
 * After an error the directory is half full: the caller deletes it.
 */
export async function unpackLayer(
  tar: AsyncIterable<Buffer>,
  dir: string,
  openSteps: OpenSteps,
): Promise<{ sizeBytes: number }> {
  const sink = await openSteps(enterLayer(dir));
  const batch = new StepBatch(sink);
  const planner = new LayerPlanner();
  let sizeBytes = 0;
  try {
    await readTar(tar, async (entry, content) => {
      const { before, after } = planner.plan(entry);
      for (const action of before) await batch.add(action);
      if (before.at(-1)?.op === 'create-file') {
        sizeBytes += entry.size;
        for await (const chunk of content) {
          for (let at = 0; at < chunk.length; at += CONTENT_BYTES) {
            await batch.add({ op: 'file-data', data: chunk.subarray(at, at + CONTENT_BYTES) });
          }
        }
      }
      for (const action of after) await batch.add(action);
    });
    for (const action of planner.end()) await batch.add(action);
    await batch.flush();
  } catch (error) {
    const second = await sink.close().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    // A broken pipe only says that the shim stopped; close() tells why. Any other error came first.
    throw errnoOf(error) === 'EPIPE' && second !== undefined ? second : error;
  }
  await sink.close();
  return { sizeBytes };
}
