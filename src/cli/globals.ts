import type { OptionSpec } from './spec.ts';

/** Options before the command. */
export const GLOBAL_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'root',
    value: 'string',
    placeholder: 'DIR',
    help: 'directory of all state (default /var/lib/mydocker)',
  },
  { name: 'debug', help: 'show where in the program an error came from' },
  { name: 'version', short: 'v', help: 'print the version' },
];
