import { readdirSync, readFileSync } from 'node:fs';
import { errnoOf } from '../base/index.ts';
import type { Closed, Setting } from '../network/index.ts';
import type { Action, StepNotes } from '../plan/index.ts';
import { currentBootId, type Paths, switchedOnFile } from '../storage/index.ts';

/*
 * Forwarding is one setting for the whole host: switched on for containers, it would make the host a router between its
 * own interfaces too, say from an office's network into a VPN. So those that it had then are closed to each other: their
 * names are in the mark that says that we switched it on, and in a set of our table. What comes later (bridges of other
 * software, a VPN's interface) is whoever's makes it.
 */
const SETTINGS: ReadonlyArray<readonly [version: 4 | 6, path: string]> = [
  [4, '/proc/sys/net/ipv4/ip_forward'],
  [6, '/proc/sys/net/ipv6/conf/all/forwarding'],
];
/** Not the host's own: bridges and cables of containers and of virtual machines, ours and others'. */
const FOREIGN = /^(lo$|md-|md[0-9a-f]{10}-|docker|br-|podman|virbr|veth|vnet|cni)/;

function ownLinks(): string[] {
  return readdirSync('/proc/sys/net/ipv4/conf').filter(
    (name) => name !== 'all' && name !== 'default' && !FOREIGN.test(name),
  );
}

function readMark(paths: Paths, setting: string): string[] {
  try {
    return readFileSync(switchedOnFile(paths, setting), 'utf8').split('\n');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'EACCES') return [];
    throw error;
  }
}

/** Interfaces closed to each other since we switched this setting on; undefined when it was not us in this boot. */
export function closedBy(paths: Paths, setting: string): string[] | undefined {
  const [boot, ...links] = readMark(paths, setting);
  return boot === currentBootId() ? links : undefined;
}

/** What is closed, with these settings about to be switched on. */
export function closedWith(paths: Paths, settings: readonly Setting[]): Closed[] {
  return SETTINGS.flatMap(([version, path]) => {
    const isNew = settings.some((one) => one.path === path);
    const links = isNew ? ownLinks() : closedBy(paths, path);
    return links === undefined ? [] : [{ version, links }];
  });
}

/** Says who switched a setting on, during which boot, and what is closed for that. */
export function markOf(paths: Paths, { path }: Setting): Action & StepNotes {
  return {
    op: 'write',
    path: switchedOnFile(paths, path),
    data: [currentBootId(), ...ownLinks()].join('\n'),
    create: 1,
    why: 'so that `info` can say who switched it on, and `network reload` close again what is closed for it',
  };
}
