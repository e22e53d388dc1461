/** Where the bench works, and how all of it disappears afterwards. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';

/** Cgroup that holds the containers of the other tools. */
export const CGROUP = 'mydocker-bench';
const CGROUP_ROOT = '/sys/fs/cgroup';

/** Paths that docker and podman write whatever they are told; removed if they were not there before. */
const FIXED_PATHS = [
  '/etc/docker/key.json',
  '/run/containerd',
  '/run/docker',
  '/run/runc',
  '/run/crun',
  '/run/libpod',
  '/run/containers',
  '/var/lib/containers',
  '/var/lib/cni',
  '/dev/shm/libpod_lock',
];

export interface Place {
  /** Temporary directory below /var/tmp: overlayfs needs a disk that is not overlayfs itself. */
  readonly directory: string;
  /** Environment of every program that is run: nothing of the user's own settings. */
  readonly env: Readonly<Record<string, string>>;
  /** FIXED_PATHS that are ours to remove. */
  readonly ours: readonly string[];
}

/**
 * Makes a directory on a tmpfs: for what lives until the machine goes down, which lies in /run on an installed system.
 * The bench has a mount namespace of its own (package.json), so nobody else sees it.
 */
export function makeVolatile(path: string): string {
  mkdirSync(path, { recursive: true });
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', path], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`mount -t tmpfs ${path}: ${stderr.trim()}`);
  return path;
}

export function openPlace(): Place {
  const directory = mkdtempSync('/var/tmp/mydocker-bench-');
  mkdirSync(`${directory}/home`);
  return {
    directory,
    env: {
      PATH: `/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:${process.env.PATH ?? ''}`,
      HOME: `${directory}/home`,
      LANG: 'C.UTF-8',
    },
    ours: FIXED_PATHS.filter((path) => !existsSync(path)),
  };
}

function mountsBelow(directory: string): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return lines.map((line) => line.split(' ')[4] ?? '').filter((path) => path.startsWith(`${directory}/`));
}

function cgroupDirectories(): string[] {
  const tops = [CGROUP_ROOT, ...readdirSync(CGROUP_ROOT).map((name) => `${CGROUP_ROOT}/${name}`)];
  return tops.map((top) => `${top}/${CGROUP}`).filter((path) => existsSync(path));
}

/** Deepest first; a cgroup that still has processes stays, and is told of. */
function removeCgroup(path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true }))
    if (entry.isDirectory()) removeCgroup(`${path}/${entry.name}`);
  try {
    rmdirSync(path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EBUSY')) throw error;
  }
}

function processesOf(directory: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`${directory}/`);
      } catch {
        return false; // It ended meanwhile.
      }
    });
}

/** Removes everything; returns what would not go, which is a defect of the bench or of a tool. */
export function closePlace(place: Place): string[] {
  const { directory } = place;
  for (const path of mountsBelow(directory).reverse()) spawnSync('umount', [path]);
  const mounts = mountsBelow(directory).map((path) => `mount ${path}`);
  // Never remove through a mount.
  if (mounts.length === 0) rmSync(directory, { recursive: true, force: true });
  for (const path of place.ours) rmSync(path, { recursive: true, force: true });
  for (const path of cgroupDirectories()) removeCgroup(path);
  return [
    ...mounts,
    ...cgroupDirectories().map((path) => `cgroup ${path}`),
    ...processesOf(directory).map((pid) => `process ${pid}`),
  ];
}
