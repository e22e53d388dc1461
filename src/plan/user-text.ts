import type { Action } from './step.ts';

const quote = (text: string): string => JSON.stringify(text);
const slot = (number: number): string => `slot ${number}`;
/** "0 100000 65536" for a map of one line. */
const ids = (map: string): string => quote(map.trim().replaceAll('\n', ', '));

/** User namespaces and volumes: codes 140 to 149. */
export function userText(a: Action): string | undefined {
  switch (a.op) {
    case 'open-namespace':
      return `open(${quote(a.path)}) -> ${slot(a.slot)}`;
    case 'make-userns':
      return `clone3(CLONE_NEWUSER), uid_map ${ids(a.uidMap)}, gid_map ${ids(a.gidMap)} -> ${slot(a.slot)}`;
    case 'uid-map':
      return `write(/proc/CHILD/uid_map, ${ids(a.uidMap)}; gid_map, ${ids(a.gidMap)})`;
    case 'give-streams':
      return `fchown(pipes, ${a.uid}, ${a.gid})`;
    case 'add-groups':
      return `groups ${a.groups.map(quote).join(', ')}, looked up in the root`;
    case 'keep-capabilities':
      return 'prctl(PR_SET_KEEPCAPS, 1)';
    case 'populate':
      return `copy(${quote(a.from)} in ${slot(a.slot)}, ${quote(`${a.volume}/_data`)}, if that is empty)`;
    case 'release-volume':
      return `unlinkat(${quote(a.path)}: its user ${a.user.slice(0, 12)}${a.remove === 0 ? '' : ', and the volume if nobody uses it'})`;
    case 'setdomainname':
      return `setdomainname(${quote(a.name)})`;
    case 'inner-root':
      return 'setgroups(0), setresgid(0, 0, 0), setresuid(0, 0, 0)';
    default:
      return undefined;
  }
}
