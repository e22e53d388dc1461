import { builtin } from '../base/index.ts';
import { listImages } from '../image/index.ts';
import type { Core } from './core.ts';
import { listContainers } from './describe.ts';
import { findImage } from './explain.ts';
import { networkInfo } from './info-network.ts';
import { versionInfo } from './version.ts';

/** What `mydocker info` prints. */
export function engineInfo(core: Core): Record<string, unknown> {
  const containers = listContainers(core);
  const host = core.cgroups();
  const count = (status: string): number => containers.filter((c) => c.status === status).length;
  return {
    ...versionInfo(),
    Root: core.root,
    RunDirectory: core.paths.run,
    Containers: containers.length,
    ContainersRunning: count('running'),
    ContainersStopped: count('stopped') + count('created'),
    ContainersBroken: count('broken'),
    Images: new Set(listImages(core.root).map((image) => image.id)).size,
    DefaultImage: core.defaultImage,
    DefaultImageInStore: findImage(core, core.defaultImage) !== undefined,
    StorageDriver: 'overlayfs',
    LoggingDriver: 'json-file',
    CgroupVersion: host.version === 2 ? '2' : host.hybrid ? '1 (hybrid)' : '1',
    CgroupControllers: host.version === 2 ? host.v2Controllers : host.v1.flatMap((h) => h.controllers),
    ...networkInfo(core),
    NCPU: builtin('node:os').cpus().length,
    MemTotal: builtin('node:os').totalmem(),
  };
}
