import { existsSync, readdirSync } from 'node:fs';
import { MydockerError } from '../base/index.ts';
import type { CgroupHost } from './cgroup-host.ts';

/**
 * Who weighs block I/O, and so the file the weight is written to: the BFQ scheduler (blkio.bfq.weight, io.bfq.weight), or on
 * v2 the cost model (io.weight). Either can be left out of a kernel, or be a module that is not loaded.
 */
export type IoWeight = 'plain' | 'bfq' | 'none';

export function noIoWeight(): MydockerError {
  return new MydockerError(
    'NO_CONTROLLER',
    'cannot set a weight of block I/O: this kernel has nothing that weighs it (neither BFQ nor the cost model)',
    {
      subject: 'blkio',
      remedy: 'leave --blkio-weight out, load the module bfq, or limit rates with --device-write-bps',
    },
  );
}

/** v2 has these files in cgroups below the root only, and only where the io controller is on. */
function onV2(root: string): IoWeight {
  const below = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const some = (file: string): boolean => below.some(({ name }) => existsSync(`${root}/${name}/${file}`));
  if (some('io.bfq.weight')) return 'bfq';
  return some('io.weight') || !some('io.max') ? 'plain' : 'none';
}

/** Looks at the running host. The v1 hierarchy's root has BFQ's counters, though not its weights; CFQ went with Linux 5.0. */
export function detectIoWeight(host: CgroupHost): IoWeight {
  if (host.version === 2) return onV2(host.v2 ?? '/sys/fs/cgroup');
  const mount = host.v1.find((h) => h.controllers.includes('blkio'))?.mount;
  return mount !== undefined && existsSync(`${mount}/blkio.bfq.io_service_bytes`) ? 'bfq' : 'none';
}
