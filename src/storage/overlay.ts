import { type Action, type Step, type StepNotes, steps } from '../plan/index.ts';

/** mount(2) hands the kernel one page of options. */
const OPTIONS_BYTES = 4000;
const MS_NODEV = 4;
const MS_RDONLY = 1;

/** The directories of one overlay mount, overlayfs.rst. */
export interface OverlayDirs {
  /** Unpacked layers, newest first, all directly below `layersDir`. */
  lower: readonly string[];
  layersDir: string;
  upper: string;
  work: string;
  /** Mount point. */
  target: string;
  /** Holds short names for many layers: the container's own directory. */
  ownDir: string;
  /** Writes need not survive a power cut (--rm): unmounting then syncs no disk. overlayfs.rst § Volatile mount. */
  volatile: boolean;
  /** No device node of the image may be opened: where no device rules stand between it and the host's disk. */
  noDevices: boolean;
}

function overlayMount(cwd: string, lower: readonly string[], dirs: OverlayDirs): (Action & StepNotes)[] {
  const data = `lowerdir=${lower.join(':')},upperdir=${dirs.upper},workdir=${dirs.work}${dirs.volatile ? ',volatile' : ''}`;
  return [
    { op: 'chdir', path: cwd, why: 'the layers are named relative to it: mount options must fit one page' },
    {
      op: 'mount',
      source: 'overlay',
      target: dirs.target,
      fstype: 'overlay',
      flags: dirs.noDevices ? MS_NODEV : 0,
      data,
      why: 'the image, read-only below; this container’s writes above',
    },
  ];
}

/**
 * Mounts the container's root file system, in the container's own mount namespace: the kernel takes it away when
 * the last process ends. Layers are shared by all containers of the image and never written.
 */
export function planOverlay(dirs: OverlayDirs): { host: Step[]; init: Step[] } {
  const names = dirs.lower.map((dir) =>
    dir.startsWith(`${dirs.layersDir}/`) ? dir.slice(dirs.layersDir.length + 1) : dir,
  );
  const fixed = dirs.upper.length + dirs.work.length + 40;
  if (names.join(':').length + fixed < OPTIONS_BYTES) {
    return { host: [], init: steps('init', ...overlayMount(dirs.layersDir, names, dirs)) };
  }
  // Too many layers for one page: short links to them, made once, in the container's directory.
  const linkDir = `${dirs.ownDir}/l`;
  const host: (Action & StepNotes)[] = [
    { op: 'mkdir', path: linkDir, mode: 0o700, ignore: 'EEXIST', why: 'short names for many layers' },
    ...dirs.lower.map((dir, i): Action & StepNotes => ({
      op: 'symlink',
      target: dir,
      path: `${linkDir}/${i}`,
      ignore: 'EEXIST',
      why: 'a short name for a layer',
    })),
  ];
  const short = dirs.lower.map((_, i) => `l/${i}`);
  return { host: steps('host', ...host), init: steps('init', ...overlayMount(dirs.ownDir, short, dirs)) };
}

/** The read-only view of a container that does not run: its upper directory is the topmost layer. */
export function planReadOnlyOverlay(dirs: {
  lower: readonly string[];
  layersDir: string;
  target: string;
}): Step[] {
  const { layersDir, target } = dirs;
  const names = dirs.lower.map((dir) =>
    dir.startsWith(`${layersDir}/`) ? dir.slice(layersDir.length + 1) : dir,
  );
  return steps(
    'host',
    {
      op: 'chdir',
      path: layersDir,
      why: 'the layers are named relative to it: mount options must fit one page',
    },
    {
      op: 'mount',
      source: 'overlay',
      target,
      fstype: 'overlay',
      flags: MS_RDONLY | MS_NODEV,
      data: `lowerdir=${names.join(':')}`,
      why: 'the image with this container’s writes, as they lie; nothing is changed',
    },
  );
}
