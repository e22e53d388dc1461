import { type Action, type Step, type StepNotes, steps } from '../plan/index.ts';
import { encodeServers } from './resolver-servers.ts';

/** Where a container finds its resolver. Docker's address, for programs that look for it. */
export const RESOLVER_ADDRESS = '127.0.0.11';
const RESOLVER_NUMBER = 0x7f00000b;

/** What a resolv.conf(5) says. */
export interface ResolverSettings {
  servers: readonly string[];
  search: readonly string[];
  options: readonly string[];
}

/** Reads a resolv.conf(5): the last search or domain line counts, options add up. */
export function parseResolvConf(text: string): ResolverSettings {
  const servers: string[] = [];
  let search: string[] = [];
  const options: string[] = [];
  for (const line of text.split('\n')) {
    const [keyword, ...words] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/);
    if (keyword === 'nameserver' && words[0] !== undefined) servers.push(words[0]);
    if (keyword === 'search' || keyword === 'domain') search = words;
    if (keyword === 'options') options.push(...words);
  }
  return { servers, search, options };
}

/** What a container's user asked for: each list replaces the host's. */
export interface ResolverWishes {
  servers?: readonly string[];
  /** A single "." : no search domains. */
  search?: readonly string[];
  options?: readonly string[];
}

/**
 * The container's own resolv.conf: the resolver at its loopback; search and options as asked for, else the host's.
 * `hasNames`: it is in a network with names, which are asked for as they are before a search domain is put behind them:
 * else a wildcard of that domain would answer for a container, and others would hear its name.
 */
export function resolvConfFor(host: ResolverSettings, wishes: ResolverWishes, hasNames = false): string {
  const search = (wishes.search ?? host.search).filter((name) => name !== '.');
  const given = wishes.options ?? host.options;
  const isSet = !hasNames || search.length === 0 || given.some((option) => option.startsWith('ndots:'));
  const options = isSet ? given : [...given, 'ndots:0'];
  return [
    `nameserver ${RESOLVER_ADDRESS}`,
    ...(search.length === 0 ? [] : [`search ${search.join(' ')}`]),
    ...(options.length === 0 ? [] : [`options ${options.join(' ')}`]),
    '',
  ].join('\n');
}

/** Where in a run directory the networks of a container are found: a symbolic link to the directory of each. */
export function networksDir(runDir: string): string {
  return `${runDir}/networks`;
}

/** The names a limited container may ask for, one a line; see planEgress(). */
export function egressFile(runDir: string): string {
  return `${runDir}/egress`;
}

/** What a limited container was denied: names, and packets once it has ended. */
export function deniedFiles(containerDir: string): { names: string; packets: string } {
  return { names: `${containerDir}/denied-names`, packets: `${containerDir}/denied-packets` };
}

/**
 * Steps that give a container its resolver; the monitor answers. `isLimited`: only what its egress file allows, and
 * nothing without that. Throws BAD_INPUT for a server that is no address.
 */
export function planResolver(
  runDir: string,
  servers: readonly string[],
  isLimited: boolean,
): { host: Step[]; init: Step[] } {
  const config: Array<Action & StepNotes> = [
    {
      op: 'mkdir',
      path: networksDir(runDir),
      mode: 0o700,
      why: 'a link for each network will lie here: where the resolver looks for names',
    },
    {
      op: 'resolver-config',
      networks: networksDir(runDir),
      egress: isLimited ? egressFile(runDir) : '',
      servers: encodeServers(servers),
      why: `names of containers from files; others are asked of ${servers.join(', ')} by the monitor, in the host’s network`,
    },
  ];
  return {
    host: steps('host', ...config),
    init: steps('init', {
      op: 'resolver',
      address: RESOLVER_NUMBER,
      why: `the container’s resolver listens at ${RESOLVER_ADDRESS}, port 53; its sockets go to the monitor`,
    }),
  };
}
