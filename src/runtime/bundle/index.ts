/** The OCI runtime's own door into this room: a plain run of the engine does not load what lies behind it. */
export { type CgroupHost, detectCgroups } from '../cgroup-host.ts';
export { type Reading, readConfig, readProcess } from '../config/check.ts';
export type { Config, ConfigProcess } from '../config/config.ts';
export { type Resources, resources } from '../config/linux.ts';
export type { Problem } from '../config/schema.ts';
export { CAP, DEFAULT_CAPABILITIES } from '../constants.ts';
export { detectIoWeight } from '../io-weight.ts';
export { type CgroupV1Facts, type LimitWrite, limitsV1 } from '../limits-v1.ts';
export { limitsV2 } from '../limits-v2.ts';
export type { OciResources } from '../oci-resources.ts';
export { compileSeccomp } from '../seccomp/index.ts';
export { DEFAULT_MASKED_PATHS, DEFAULT_READONLY_PATHS } from '../spec.ts';
export { limitsOf } from './cgroup.ts';
export { type BundleExecInput, planBundleExec } from './exec.ts';
export { poststartSteps, type StateText } from './hooks.ts';
export type { BundleCgroup, BundleInput, BundleOptions } from './input.ts';
export { isBind } from './mounts.ts';
export { planBundle } from './plan.ts';
