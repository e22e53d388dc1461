import { readFileSync } from 'node:fs';
import { badInput, errnoOf } from '../base/errors.ts';
import type { ContainerSpec } from '../engine/types.ts';
import type { Flags } from './parse.ts';
import type { OptionSpec } from './spec.ts';

/** What a container may do: capabilities, system calls. */
export const SECURITY_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'cap-add',
    value: 'list',
    placeholder: 'CAP',
    help: 'a capability more: NET_ADMIN, or ALL (default: Docker’s 14)',
  },
  { name: 'cap-drop', value: 'list', placeholder: 'CAP', help: 'a capability less, or ALL' },
  {
    name: 'security-opt',
    value: 'list',
    placeholder: 'OPTION',
    help: 'seccomp=unconfined, seccomp=FILE.json, no-new-privileges, systempaths=unconfined',
  },
];

type Security = Pick<ContainerSpec, 'capAdd' | 'capDrop' | 'seccomp' | 'noNewPrivileges' | 'openPaths'>;

function profileFrom(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    throw badInput(
      `--security-opt: cannot read the seccomp profile ${path}: ${errno === 'ENOENT' ? 'there is no such file' : errno}`,
      { errno, subject: path, remedy: 'give a file with a profile, or seccomp=unconfined', cause: error },
    );
  }
}

function isOn(option: string, value: string): boolean {
  if (value === '' || value === 'true') return true;
  if (value === 'false') return false;
  throw badInput(`--security-opt ${option}: "${value}" is neither true nor false`, {
    subject: option,
    remedy: 'write no-new-privileges, or no-new-privileges=false',
  });
}

function unsupported(option: string, what: string): Error {
  return badInput(`--security-opt "${option}": ${what} are not applied here`, {
    subject: option,
    remedy: 'leave it out: capabilities, seccomp and namespaces confine the container',
  });
}

/** One `--security-opt`. Docker writes name=value, and of old name:value. */
function parseOption(option: string): Security {
  const [, name = '', value = ''] = /^([^=:]*)[=:]?(.*)$/s.exec(option) ?? [];
  if (name === 'no-new-privileges') return { noNewPrivileges: isOn(option, value) };
  if (name === 'seccomp' && value === 'unconfined') return { seccomp: 'unconfined' };
  if (name === 'seccomp' && value === 'builtin') return {};
  if (name === 'seccomp' && value !== '') return { seccomp: profileFrom(value) };
  if (name === 'systempaths' && value === 'unconfined') return { openPaths: true };
  if (name === 'apparmor' && value !== 'unconfined') throw unsupported(option, 'AppArmor profiles');
  if (name === 'label' && value !== 'disable') throw unsupported(option, 'SELinux labels');
  // Neither is set up by default, so nothing has to be taken away.
  if ((name === 'apparmor' && value === 'unconfined') || (name === 'label' && value === 'disable')) return {};
  throw badInput(`--security-opt "${option}" is not known here`, {
    subject: option,
    remedy: 'there are seccomp=unconfined, seccomp=FILE.json, no-new-privileges and systempaths=unconfined',
  });
}

/** The security options of a command line. Reads the profile's file. Throws BAD_INPUT. */
export function securityFromFlags(flags: Flags): Security {
  const [add, drop] = [flags.list('cap-add'), flags.list('cap-drop')];
  const options = flags.list('security-opt').map(parseOption);
  return {
    ...(add.length === 0 ? {} : { capAdd: [...add] }),
    ...(drop.length === 0 ? {} : { capDrop: [...drop] }),
    ...Object.assign({}, ...options),
  };
}
