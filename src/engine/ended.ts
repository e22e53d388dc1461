import { readFileSync, rmSync, statSync } from 'node:fs';
import { badInput, MydockerError, programRan } from '../base/index.ts';
import { decodePlan, type Plan } from '../plan/index.ts';
import { decodeReport } from '../shim/index.ts';
import { runDir } from '../storage/index.ts';
import type { Core } from './core.ts';
import { outcomeOf, releaseRunDir } from './launch.ts';
import type { EndedFront, FrontOutcome } from './types.ts';

/** Only what becomeFront() made is read, and removed. */
function checkPath(core: Core, path: string): void {
  const { run } = core.paths;
  const name = path.slice(run.length + 1);
  if (path === `${run}/${name}` && /^\.tmp-\d+-\d+-[0-9a-f]+$/.test(name)) return;
  throw badInput(`${path} is nothing that a front left`, { subject: path, remedy: 'see: mydocker --help' });
}

/** Of another version, after an upgrade meanwhile: the failure is told without its step. */
function planIn(bytes: Buffer): Plan {
  try {
    return decodePlan(bytes);
  } catch (error) {
    if (error instanceof RangeError) return { steps: [] };
    throw error;
  }
}

/** What came of a start whose command became its front: the files it left are read and removed. */
export async function endedFront(core: Core, front: EndedFront): Promise<FrontOutcome> {
  for (const path of [front.report, front.plan]) checkPath(core, path);
  const report = decodeReport(readFileSync(front.report));
  const [bytes, { ino: planInode }] = [readFileSync(front.plan), statSync(front.plan)];
  rmSync(front.report, { force: true });
  rmSync(front.plan, { force: true });
  const plan = (): Plan => planIn(bytes);
  if (front.what === 'exec') {
    const { execOutcome } = await import('./exec.ts');
    return { code: execOutcome(front.name, report, plan) };
  }
  if (report.failure !== undefined && report.undoFailure === undefined)
    releaseRunDir(runDir(core.paths, front.id), planInode);
  try {
    return { code: await outcomeOf(core, front, report, plan) };
  } catch (error) {
    if (!programRan(error)) await (await import('./remove.ts')).discardContainer(core, front.id, front.name);
    // With host ports nobody becomes a front, so nothing else can be repaired: see start.ts.
    if (!(error instanceof MydockerError && error.code === 'RULES_MISSING')) throw error;
    await (await import('./reload.ts')).restoreRules(core);
    return { code: error.exitCode, repaired: error };
  }
}
