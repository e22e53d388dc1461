import { readdirSync, readFileSync } from 'node:fs';
import { errnoOf, MydockerError } from '../base/index.ts';
import { cgroupDir } from './end.ts';
import { type OciRuntime, runSteps } from './runtime.ts';
import { findMade } from './state.ts';
import { ociError } from './store.ts';

/** Process ids in a cgroup and all below it; empty when it is gone. */
export function pidsBelow(dir: string): number[] {
  try {
    const own = readFileSync(`${dir}/cgroup.procs`, 'latin1')
      .split('\n')
      .filter((line) => line !== '')
      .map(Number);
    const below = readdirSync(dir, { withFileTypes: true }).filter((item) => item.isDirectory());
    return [...own, ...below.flatMap(({ name }) => pidsBelow(`${dir}/${name}`))];
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ENODEV') return [];
    throw error;
  }
}

/** `ps`: the container's processes, by the host's numbers. Throws OCI_WRONG_STATE. */
export function processIds(runtime: OciRuntime, id: string): number[] {
  const { record, status } = findMade(runtime, id);
  const dir = cgroupDir(record);
  if (status === 'stopped' || dir === undefined)
    throw ociError('OCI_WRONG_STATE', `cannot list the processes of container "${id}": it has stopped`, {
      subject: id,
    });
  return pidsBelow(dir).sort((a, b) => a - b);
}

function startTicks(pid: number): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[19]);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ESRCH') return undefined;
    throw error;
  }
}

/** `kill --all` with another signal than SIGKILL. */
export async function killEach(runtime: OciRuntime, id: string, dir: string, signal: number): Promise<void> {
  for (const pid of pidsBelow(dir)) {
    const ticks = startTicks(pid);
    if (ticks === undefined) continue;
    try {
      await runSteps(runtime, `cannot kill container "${id}"`, [
        { op: 'open-process', pid, startTicks: ticks, slot: 0, why: 'one of its processes' },
        { op: 'signal', slot: 0, signal, why: '--all' },
      ]);
    } catch (error) {
      if (!(error instanceof MydockerError) || error.errno !== 'ESRCH') throw error;
    }
  }
}
