import { badInput } from '../base/index.ts';
import type { ContainerSpec } from './types.ts';

/** Settings that a namespace has for itself, and which one; namespaces(7), Docker's list. */
const OWN: ReadonlyArray<readonly [pattern: RegExp, namespace: 'ipc' | 'network' | 'uts']> = [
  [/^kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)$/, 'ipc'],
  [/^fs\.mqueue\./, 'ipc'],
  [/^net\./, 'network'],
  [/^kernel\.domainname$/, 'uts'],
];

/** The name with dots, as it was meant: "net/ipv4/conf/eth0.1/x" has one of its own. */
function dotted(name: string): string {
  return name.includes('/') ? name.replaceAll('.', '-').replaceAll('/', '.') : name;
}

/** Whose network namespace it has, when that is not its own: "host", "container:NAME". */
export function sharedNetwork(spec: Pick<ContainerSpec, 'network' | 'networks'>): string | undefined {
  const asked = [spec.network ?? '', ...(spec.networks ?? []).map(({ name }) => name)];
  return asked.find((name) => name === 'host' || name.startsWith('container:'));
}

/** Settings of the whole machine are nobody's container's. Throws BAD_INPUT. */
export function checkSysctls(spec: ContainerSpec): void {
  for (const [name, value] of Object.entries(spec.sysctls ?? {})) {
    const refuse = (why: string, remedy: string): never => {
      throw badInput(`--sysctl ${name}: ${why}`, { subject: name, remedy });
    };
    if (!/^[a-zA-Z0-9_-]+([./][a-zA-Z0-9_.:@-]+)+$/.test(name) || name.split(/[./]/).includes(''))
      refuse('this is no name of a setting', 'give for example --sysctl net.ipv4.ip_forward=1');
    if (value.trim() === '') refuse('it has no value', `give --sysctl ${name}=VALUE`);
    const namespace = OWN.find(([pattern]) => pattern.test(dotted(name)))?.[1];
    if (namespace === undefined)
      refuse(
        'it belongs to the whole machine, and to no namespace of a container',
        'set it on the host, or leave it out',
      );
    const choice =
      namespace === 'network' ? sharedNetwork(spec) : namespace === undefined ? undefined : spec[namespace];
    if (choice !== undefined && choice !== 'private')
      refuse(
        `the container has no ${namespace} namespace of its own (${choice})`,
        'set it where that namespace belongs, or leave it out',
      );
  }
}
