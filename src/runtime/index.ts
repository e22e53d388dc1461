export { planCgroup } from './cgroup.ts';
export {
  type CgroupHost,
  detectCgroups,
  type Hierarchy,
  hasDeviceRules,
  parseCgroupMounts,
} from './cgroup-host.ts';
export { cgroupDir, cgroupFile } from './cgroup-paths.ts';
export { CAP, DEFAULT_CAPABILITIES, RLIMITS } from './constants.ts';
export { DEFAULT_DEVICE_RULES } from './devices.ts';
export { enterNamespace, enterNetwork, privateMounts, visitRootfs } from './enter.ts';
export { type ExecInput, planExec } from './exec.ts';
export type { ImageTree, NeighbourTree } from './extra-trees.ts';
export { sysctlPath } from './finish.ts';
export { detectIoWeight, type IoWeight } from './io-weight.ts';
export { defaultMounts } from './kernel-mounts.ts';
export {
  FIXED_PARTS,
  type FixedPart,
  type FreshPart,
  fixedParts,
  freshParts,
  LAUNCH_PARTS,
  planLaunch,
} from './launch.ts';
export type { FreshInput, LaunchInput } from './launch-input.ts';
export { type LimitChange, planLimitChange } from './limit-changes.ts';
export { type CgroupV1Facts, type LimitWrite, limitsV1 } from './limits-v1.ts';
export { limitsV2 } from './limits-v2.ts';
export { outside } from './namespaces.ts';
export type * from './oci-resources.ts';
export type { IdmappedRoot } from './own-users-root.ts';
export { compileSeccomp, defaultFilter } from './seccomp/index.ts';
export {
  DEFAULT_MASKED_PATHS,
  DEFAULT_READONLY_PATHS,
  hasNamespace,
  type NamespaceType,
  type OciCapabilities,
  type OciDevice,
  type OciIdMapping,
  type OciLinux,
  type OciMount,
  type OciNamespace,
  type OciProcess,
  type OciRlimit,
  type OciSpec,
  type OciUser,
  sameCapabilities,
} from './spec.ts';
export { type CgroupUsage, cgroupUsage, hostCpu, networkUsage } from './usage.ts';
