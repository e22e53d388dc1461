import type { BindMount, ImageMount, TmpfsMount, VolumeMount } from '../storage/index.ts';

export type { IdMapping, IdMaps, Propagation } from '../storage/index.ts';

/** A volume, made if there is none of that name; without a name one is made for this container alone. */
export type VolumeMountSpec = Omit<VolumeMount, 'name' | 'anonymous'> & {
  name?: string;
  /** Of a volume that is made. */
  labels?: Readonly<Record<string, string>>;
};

/** The files of an image, which must be in the store. */
export type ImageMountSpec = Pick<ImageMount, 'type' | 'image' | 'target' | 'subpath'>;

/** What `-v`, `--mount` and `--tmpfs` say. */
export type MountSpec = BindMount | TmpfsMount | VolumeMountSpec | ImageMountSpec;

/** What is recorded of a container's mounts: volumes have names, images their layers. */
export type ContainerMount = BindMount | TmpfsMount | VolumeMount | ImageMount;
