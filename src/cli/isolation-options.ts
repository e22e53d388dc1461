import type { OptionSpec } from './spec.ts';

const option = (name: string, value: 'string' | 'list', placeholder: string, help: string): OptionSpec => ({
  name,
  value,
  placeholder,
  help,
});

/** Namespaces, devices, and settings of the kernel. */
export const ISOLATION_OPTIONS: readonly OptionSpec[] = [
  { name: 'privileged', help: 'every capability and device, nothing hidden: for what you trust as root' },
  option('device', 'list', 'SRC[:DST[:rwm]]', 'a device of the host, or a directory of them'),
  option('device-cgroup-rule', 'list', 'RULE', 'devices it may open: "c 10:200 rwm"'),
  option('pid', 'string', 'host|container:X', 'the processes it sees (default: its own)'),
  option('ipc', 'string', 'host|container:X', 'shared memory and message queues (default: its own)'),
  option('uts', 'string', 'host|container:X', 'host name (default: its own)'),
  option('cgroupns', 'string', 'host|private', 'the cgroups it sees (default: its own)'),
  option('userns', 'string', 'auto|host|MAP', 'users of its own: auto, auto:size=N, or 0:100000:65536'),
  option('uidmap', 'list', 'IN:OUT:SIZE', 'users of its own, line by line'),
  option('gidmap', 'list', 'IN:OUT:SIZE', 'groups of its own (default: as --uidmap)'),
  option('group-add', 'list', 'GROUP', 'one more group of the user, by name or number'),
  option('shm-size', 'string', 'SIZE', 'size of /dev/shm (default 64m)'),
  option('ulimit', 'list', 'NAME=SOFT[:HARD]', 'a limit on its processes: nofile=1024:4096; -1: none'),
  option('sysctl', 'list', 'NAME=VALUE', 'a setting of its own namespaces: net.ipv4.ip_forward=1'),
  option('oom-score-adj', 'string', 'N', 'how early the OOM killer picks it, -1000 to 1000 (default 0)'),
  option('domainname', 'string', 'NAME', 'NIS domain name'),
];
