import { readFileSync } from 'node:fs';
import { execute, output } from '../command.ts';
import { parentPid } from '../memory.ts';
import { CGROUP, makeVolatile, type Place } from '../place.ts';
import { imageTool } from './image-tool.ts';
import { dockerLike, IMAGE, type Peer, ROOTFS_TAR } from './peer.ts';

/** More processes than this podman 4.3 does not grant without CAP_SYS_RESOURCE, whatever the host allows. */
const MAX_PROCESSES = 32768;

/** Its own defaults (1048576 open files …) cannot be set where the host allows fewer, proc_pid_limits(5). */
function hostLimits(): string[] {
  const text = readFileSync('/proc/self/limits', 'utf8');
  const hard = (label: string) =>
    Number(new RegExp(`^${label}\\s+\\S+\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 1024);
  const files = hard('Max open files');
  const processes = Math.min(hard('Max processes'), MAX_PROCESSES);
  return ['--ulimit', `nofile=${files}:${files}`, '--ulimit', `nproc=${processes}:${processes}`];
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
  const flags = ['--cgroup-parent', `/${CGROUP}`, '--pull', 'never', ...hostLimits()];
  const common = dockerLike(head, place.env, flags);
  // Without a time it would wait ten seconds for programs that ignore SIGTERM.
  const removeAll = async (): Promise<void> => {
    await output(podman('rm', '--all', '--force', '--time', '0'));
  };
  return {
    name: 'podman',
    ...common,
    images: imageTool(head, place.env, {
      runFlags: flags,
      insecure: ['--tls-verify=false'],
      saveFlags: ['-q'],
    }),
    store: { ...common.store, removeAll },
    open: async () => {
      makeVolatile(`${directory}/run`);
      makeVolatile(`${directory}/tmp`);
      await output(podman('import', ROOTFS_TAR, IMAGE));
      const { code } = await execute(common.runTrue());
      if (code === 0) return;
      // Its first choice, crun, refuses some hosts that runc takes.
      head.push('--runtime', 'runc');
      await output(common.runTrue());
    },
    close: removeAll,
    version: async () => {
      const runtime = await output(podman('info', '--format', '{{.Host.OCIRuntime.Name}}'));
      const own = await output(podman('version', '--format', '{{.Client.Version}}'));
      return `${own}, with ${runtime}`;
    },
    monitorPid: async () => parentPid(await common.containerPid()),
  };
}
