export { linkUp, planLoopback } from './netlink.ts';
export {
  egressFile,
  networksDir,
  parseResolvConf,
  planResolver,
  type ResolverWishes,
  resolvConfFor,
} from './resolver.ts';
export { checkServers } from './resolver-servers.ts';
