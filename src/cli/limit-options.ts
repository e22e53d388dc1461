import type { OptionSpec } from './spec.ts';

const one = (name: string, placeholder: string, help: string): OptionSpec => ({
  name,
  value: 'string',
  placeholder,
  help,
});
const many = (name: string, placeholder: string, help: string): OptionSpec => ({
  name,
  value: 'list',
  placeholder,
  help,
});

/** How much of the host a container may use. */
export const LIMIT_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'memory',
    short: 'm',
    also: ['mem'],
    value: 'string',
    placeholder: 'SIZE',
    help: 'memory limit in bytes, or with k, m, g (default: none)',
  },
  one('memory-swap', 'SIZE', 'memory and swap together; -1: all there is (default: twice -m)'),
  one('memory-reservation', 'SIZE', 'soft limit, in bytes or with k, m, g'),
  one('memory-swappiness', 'N', 'how willingly its pages go to the swap, 0 to 100; cgroup v1 only'),
  { name: 'oom-kill-disable', help: 'at the limit its processes wait, none is killed; cgroup v1 only' },
  { ...one('kernel-memory', 'SIZE', 'without effect, as in Docker'), hidden: true },
  {
    name: 'cpu',
    value: 'string',
    placeholder: 'PERCENT',
    help: 'CPU limit in percent of one core (default: none)',
  },
  {
    name: 'cpus',
    value: 'string',
    placeholder: 'CORES',
    help: 'CPU limit in cores: 0.5 is half a core (default: none)',
  },
  { ...one('cpu-shares', 'N', 'weight when cores are short, 2 to 262144 (default 1024)'), short: 'c' },
  one('cpu-period', 'MICROSECONDS', 'length of a period, 1000 to 1000000 (default 100000)'),
  one('cpu-quota', 'MICROSECONDS', 'CPU time in each period, 1000 or more'),
  {
    name: 'cpuset-cpus',
    also: ['cpuset'],
    value: 'string',
    placeholder: 'LIST',
    help: 'the cores it may run on: 0-1,3 (default: all)',
  },
  one('cpuset-mems', 'LIST', 'the memory nodes it may use: 0-1 (default: all)'),
  one('pids-limit', 'N', 'most processes at a time; -1: no limit (default)'),
  one('blkio-weight', 'N', 'weight when the disk is busy, 10 to 1000'),
  many('blkio-weight-device', 'DEVICE:N', 'the same for one disk: /dev/sda:200'),
  many('device-read-bps', 'DEVICE:RATE', 'bytes read a second from one disk: /dev/sda:10m'),
  many('device-write-bps', 'DEVICE:RATE', 'bytes written a second to one disk: /dev/sda:10m'),
  many('device-read-iops', 'DEVICE:N', 'read operations a second from one disk: /dev/sda:100'),
  many('device-write-iops', 'DEVICE:N', 'write operations a second to one disk: /dev/sda:100'),
  one('cgroup-parent', 'PATH', 'the cgroup its own lies in (default: /mydocker)'),
];
