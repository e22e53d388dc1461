import { readFileSync } from 'node:fs';
import { output } from '../command.ts';
import { parentPid } from '../memory.ts';
import { CGROUP, type Place } from '../place.ts';
import { dockerLike, IMAGE, type Peer, ROOTFS_TAR } from './peer.ts';

/** Hard limit of open files of this process. */
function openFilesLimit(): string {
  return /^Max open files\s+\d+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? '1024';
}

export function podmanPeer(place: Place): Peer {
  const directory = `${place.directory}/podman`;
  const head = [
    'podman',
    ...['--root', `${directory}/root`, '--runroot', `${directory}/run`, '--tmpdir', `${directory}/tmp`],
    ...['--network-config-dir', `${directory}/net`, '--storage-driver', 'overlay'],
    ...['--cgroup-manager', 'cgroupfs', '--events-backend', 'none'],
  ];
  const podman = (...args: readonly string[]) => ({ argv: [...head, ...args], env: place.env });
  const limit = openFilesLimit();
  // Its default of 1048576 open files cannot be set where the host allows fewer.
  const flags = ['--cgroup-parent', `/${CGROUP}`, '--pull', 'never', '--ulimit', `nofile=${limit}:${limit}`];
  const common = dockerLike(head, place.env, flags);
  return {
    name: 'podman',
    ...common,
    open: async () => {
      await output(podman('import', ROOTFS_TAR, IMAGE));
      await output(common.runTrue());
    },
    close: async () => {
      await output(podman('rm', '--all', '--force', '--time', '0'));
    },
    version: async () => {
      const runtime = await output(podman('info', '--format', '{{.Host.OCIRuntime.Name}}'));
      return `${await output(podman('version', '--format', '{{.Client.Version}}'))} with ${runtime}`;
    },
    monitorPid: async () => parentPid(await common.containerPid()),
  };
}
