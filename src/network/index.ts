export * from './address.ts';
export * from './down-plan.ts';
export { forgetForwarding, planForwarding } from './forward.ts';
export { type DeniedAddress, type EgressWish, loadEgress } from './lazy.ts';
export * from './live-plan.ts';
export { planLoopback } from './loopback.ts';
export { NETLINK_NETFILTER, NETLINK_ROUTE, NOTHING } from './netlink.ts';
export { getTable as tableQuestion } from './nft.ts';
export * from './plan.ts';
export { isAny, type PortRange } from './publish.ts';
export * from './publish-plan.ts';
export {
  deniedFiles,
  egressFile,
  networksDir,
  parseResolvConf,
  planResolver,
  type ResolverWishes,
  resolvConfFor,
} from './resolver.ts';
export { checkServers } from './resolver-servers.ts';
export { freshRules } from './ruleset.ts';
