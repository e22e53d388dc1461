import type { ContainerSummary } from './container-types.ts';
import type { ImageUsage } from './image-types.ts';

/** What a volume takes on the disk. */
export interface VolumeUsage {
  name: string;
  diskBytes: number;
  /** How many containers have it. */
  containers: number;
}

/** Who takes how many bytes on the disk; each byte below the root directory is in exactly one of the sums. */
export interface DiskUsage {
  root: string;
  /** What du(1) says of the root directory. */
  totalBytes: number;
  images: ImageUsage[];
  imagesBytes: number;
  /** What goes with the images that no container uses. */
  imagesReclaimableBytes: number;
  /** `volumes`: how many it has. */
  containers: Array<ContainerSummary & { diskBytes: number; volumes: number }>;
  containersBytes: number;
  containersReclaimableBytes: number;
  volumes: VolumeUsage[];
  volumesBytes: number;
  /** Those that no container has. */
  volumesReclaimableBytes: number;
  /** Unfinished downloads, and what interrupted commands left. */
  unfinishedBytes: number;
  unfinishedReclaimableBytes: number;
  /** The engine's own: the shim, the list of images, names, directories. */
  engineBytes: number;
}
