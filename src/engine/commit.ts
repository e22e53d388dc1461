import { existsSync, readFileSync } from 'node:fs';
import { MydockerError, sleep } from '../base/index.ts';
import { commitImage, requireImage } from '../image/index.ts';
import { runWalk } from '../shim/index.ts';
import { type ContainerRecord, containerDir } from '../storage/index.ts';
import type { Core } from './core.ts';
import { stepOpener } from './images.ts';
import { cgroupsPath } from './oci.ts';
import { connectMonitor } from './stop.ts';

export interface CommitSpec {
  /** Name of the new image. */
  reference?: string | undefined;
  message?: string | undefined;
  author?: string | undefined;
  /** Dockerfile instructions: "CMD [\"sh\"]", "ENV A=b". */
  changes?: readonly string[] | undefined;
}

const FREEZE_WAIT_MS = 10_000;

/** A frozen cgroup says so only when its last task has stopped. */
async function untilFrozen(core: Core, id: string): Promise<void> {
  const host = core.cgroups();
  const path =
    host.version === 2
      ? `${host.v2}/${cgroupsPath(id)}/cgroup.events`
      : `${host.v1.find((h) => h.controllers.includes('freezer'))?.mount ?? ''}/${cgroupsPath(id)}/freezer.state`;
  const deadline = Date.now() + FREEZE_WAIT_MS;
  while (existsSync(path)) {
    const text = readFileSync(path, 'latin1');
    if (text.startsWith('FROZEN') || text.includes('frozen 1')) return;
    if (Date.now() > deadline) {
      throw new MydockerError(
        'FREEZE_TIMEOUT',
        'the container could not be paused: a process of it does not stop',
        {
          remedy: 'stop the container first, then commit it',
        },
      );
    }
    await sleep(1);
  }
}

/**
 * The container's writes as a new image above its own. A running container stands still meanwhile; the freeze
 * hangs on the connection, so it ends with this process, however that ends.
 */
export async function commitContainer(
  core: Core,
  record: ContainerRecord,
  spec: CommitSpec,
): Promise<string> {
  const parent = requireImage(core.root, record.imageId);
  const client = await connectMonitor(core, record.id, 0);
  try {
    if (client !== undefined) {
      await client.freeze();
      await untilFrozen(core, record.id);
    }
    const image = await commitImage({
      root: core.root,
      parent,
      walk: runWalk(core.root, `${containerDir(core.paths, record.id)}/upper`),
      openSteps: stepOpener(core),
      config: {
        ...parent.config,
        Env: record.env.filter((entry) => !/^(HOSTNAME|TERM)=/.test(entry)),
        Entrypoint: record.entrypoint,
        Cmd: record.cmd,
        WorkingDir: record.workdir,
        User: record.user,
        Labels: record.labels,
        StopSignal: record.stopSignal,
      },
      createdMs: Date.now(),
      createdBy: [...record.entrypoint, ...record.cmd].join(' '),
      ...spec,
    });
    return image.id;
  } finally {
    if (client !== undefined) {
      await client.thaw().catch((error: unknown) => {
        if (!(error instanceof MydockerError)) throw error;
      });
      client.close();
    }
  }
}
