import type { OptionSpec } from '../spec.ts';

/** Options before the command, as runc has them. */
export const OCI_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'root',
    value: 'string',
    placeholder: 'DIR',
    help: 'directory of the containers’ records (default /run/mydocker-oci)',
  },
  { name: 'log', value: 'string', placeholder: 'FILE', help: 'where errors and warnings are written too' },
  {
    name: 'log-format',
    value: 'string',
    placeholder: 'FORMAT',
    help: 'text or json (default text)',
  },
  { name: 'debug', help: 'show where in the program an error came from' },
  { name: 'systemd-cgroup', help: 'linux.cgroupsPath is "slice:prefix:name"' },
  {
    name: 'rootless',
    value: 'string',
    placeholder: 'WHEN',
    help: 'accepted: true, false or auto; only root can use this runtime',
  },
  { name: 'criu', value: 'string', help: 'without effect', hidden: true },
  { name: 'version', short: 'v', help: 'print the version' },
];

export const DEFAULT_OCI_ROOT = '/run/mydocker-oci';
