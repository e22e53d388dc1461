import { readFileSync } from 'node:fs';
import { errnoOf } from '../base/index.ts';
import { checkServers, parseResolvConf, planResolver, resolvConfFor } from '../network/index.ts';
import type { Step } from '../plan/index.ts';
import { type ContainerRecord, type Paths, runDir, type Wiring } from '../storage/index.ts';
import { DEFAULT_NETWORK, sharedNetwork } from './joined.ts';
import type { NameSpec } from './name-types.ts';

/** What is recorded of a container's names. */
export type NameRecord = Pick<ContainerRecord, 'dns' | 'dnsSearch' | 'dnsOptions'>;

/** Throws BAD_INPUT. */
export function namesOf(spec: NameSpec): NameRecord {
  const record: NameRecord = {};
  if (spec.dns !== undefined) {
    checkServers(spec.dns);
    record.dns = [...spec.dns];
  }
  if (spec.dnsSearch !== undefined) record.dnsSearch = [...spec.dnsSearch];
  if (spec.dnsOptions !== undefined) record.dnsOptions = [...spec.dnsOptions];
  return record;
}

function hostText(): string {
  try {
    return readFileSync('/etc/resolv.conf', 'utf8');
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    return '';
  }
}

/** A container without a network of its own asks nobody, unless it was told whom, or what it may ask for. */
export function hasResolver(record: ContainerRecord): boolean {
  // With the network of another container comes its resolver.
  if (sharedNetwork(record) !== undefined || record.network === 'host') return false;
  return record.network !== 'none' || record.dns !== undefined || record.egress !== undefined;
}

/** Without the resolvers on the host's loopback, where the container has its own. */
function ownWords(record: ContainerRecord): string {
  const text = hostText();
  if (record.network === 'host') return text;
  const own = (line: string): boolean => !/^nameserver\s+(127\.|::1)/.test(line);
  return text.split('\n').filter(own).join('\n');
}

/** The resolv.conf of a container: with a resolver of ours that one, else the host's own words. */
export function resolvConfOf(record: ContainerRecord, wiring: Wiring | undefined): string {
  const { dns: servers, dnsSearch: search, dnsOptions: options } = record;
  const host = parseResolvConf(hostText());
  if (hasResolver(record)) {
    const wishes = {
      ...(search === undefined ? {} : { search }),
      ...(options === undefined ? {} : { options }),
    };
    const hasNames = wiring?.endpoints.some(({ network }) => network !== DEFAULT_NETWORK) ?? false;
    return resolvConfFor(host, wishes, hasNames);
  }
  if (servers === undefined && search === undefined && options === undefined) return ownWords(record);
  const lines = (servers ?? host.servers).map((server) => `nameserver ${server}\n`);
  const rest = resolvConfFor(host, { search: search ?? host.search, options: options ?? host.options });
  return `${lines.join('')}${rest.slice(rest.indexOf('\n') + 1)}`;
}

/** The steps that give a container its resolver; none where it has none. */
export function planNames(paths: Paths, record: ContainerRecord): { host: Step[]; init: Step[] } {
  if (!hasResolver(record)) return { host: [], init: [] };
  const found = record.dns ?? parseResolvConf(hostText()).servers;
  // resolv.conf(5): without any, the one on this machine.
  const servers = found.length === 0 ? ['127.0.0.1'] : found;
  return planResolver(runDir(paths, record.id), servers, record.egress !== undefined);
}
