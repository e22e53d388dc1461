export type { CgroupV1Facts } from './cgroup.ts';
export {
  type CgroupHost,
  detectCgroups,
  type Hierarchy,
  hasDeviceRules,
  parseCgroupMounts,
} from './cgroup-host.ts';
export { CAP, DEFAULT_CAPABILITIES } from './constants.ts';
export { enterNamespace, privateMounts } from './enter.ts';
export { type ExecInput, planExec } from './exec.ts';
export { type LaunchInput, planLaunch } from './launch.ts';
export { compileSeccomp, defaultFilter } from './seccomp/index.ts';
export {
  DEFAULT_MASKED_PATHS,
  DEFAULT_READONLY_PATHS,
  type OciLinux,
  type OciMount,
  type OciProcess,
  type OciSpec,
} from './spec.ts';
