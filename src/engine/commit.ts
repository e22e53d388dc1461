import { MydockerError } from '../base/index.ts';
import { commitImage, requireImage } from '../image/index.ts';
import { runWalk } from '../shim/index.ts';
import { type ContainerRecord, containerDir } from '../storage/index.ts';
import type { Core } from './core.ts';
import { untilFrozen } from './freeze.ts';
import { stepOpener } from './images.ts';
import { connectMonitor } from './stop.ts';

export interface CommitSpec {
  /** Name of the new image. */
  reference?: string | undefined;
  message?: string | undefined;
  author?: string | undefined;
  /** Dockerfile instructions: "CMD [\"sh\"]", "ENV A=b". */
  changes?: readonly string[] | undefined;
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
      await untilFrozen(core, record, 'stop the container first, then commit it');
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
