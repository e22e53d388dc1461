import { release } from 'node:os';
import { MydockerError } from '../../base/index.ts';
import type {
  Machine,
  SeccompAction,
  SeccompArg,
  SeccompOperator,
  SeccompProfile,
  SeccompRule,
} from './types.ts';

/*
 * A profile from a file, in either of two forms: the OCI runtime specification's linux.seccomp (config-linux.md), and
 * Docker's, which adds conditions ("includes", "excludes") on the container's capabilities, the machine and the kernel,
 * and "archMap" in place of "architectures".
 */

/** What Docker's conditions are asked of. */
export interface SeccompFor {
  capabilities: readonly string[];
  machine: Machine;
  /** "6.1"; default: the running kernel. */
  kernel?: string;
}

const ACTIONS: readonly string[] = [
  'SCMP_ACT_KILL',
  'SCMP_ACT_KILL_THREAD',
  'SCMP_ACT_KILL_PROCESS',
  'SCMP_ACT_TRAP',
  'SCMP_ACT_ERRNO',
  'SCMP_ACT_TRACE',
  'SCMP_ACT_ALLOW',
  'SCMP_ACT_LOG',
] satisfies SeccompAction[];
const OPERATORS: readonly string[] = [
  'SCMP_CMP_NE',
  'SCMP_CMP_LT',
  'SCMP_CMP_LE',
  'SCMP_CMP_EQ',
  'SCMP_CMP_GE',
  'SCMP_CMP_GT',
  'SCMP_CMP_MASKED_EQ',
] satisfies SeccompOperator[];
/** Names of this machine and its 32-bit ABIs in "includes.arches". */
const ARCHES: Readonly<Record<Machine, readonly string[]>> = {
  amd64: ['amd64', 'x86_64', 'x32', 'x86'],
  arm64: ['arm64', 'aarch64'],
};
const SCMP_NATIVE: Readonly<Record<Machine, string>> = {
  amd64: 'SCMP_ARCH_X86_64',
  arm64: 'SCMP_ARCH_AARCH64',
};

function bad(why: string): MydockerError {
  return new MydockerError('BAD_SECCOMP', `the seccomp profile cannot be used: ${why}`, {
    remedy:
      'write it as Docker’s default profile or the linux.seccomp object of the OCI runtime specification',
  });
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown, where: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw bad(`${where} is no object`);
}

function listOf(value: unknown, where: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  throw bad(`${where} is no list`);
}

function stringsOf(value: unknown, where: string): string[] {
  return listOf(value, where).map((item) => {
    if (typeof item === 'string') return item;
    throw bad(`${where} holds something that is no string`);
  });
}

function actionOf(value: unknown, where: string): SeccompAction {
  if (typeof value === 'string' && ACTIONS.includes(value)) return value as SeccompAction;
  if (value === 'SCMP_ACT_NOTIFY') throw bad(`${where} is SCMP_ACT_NOTIFY, and there is nobody to be asked`);
  throw bad(`${where} is ${JSON.stringify(value) ?? 'missing'}; there are ${ACTIONS.join(', ')}`);
}

function errnoOf(value: unknown, where: string): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 4095) return value;
  throw bad(`${where} is no error number (0 to 4095)`);
}

/** "When the action doesn't support an errno, the runtime MUST print and error and fail": config-linux.md § Seccomp. */
function checkErrno(action: SeccompAction, errnoRet: number | undefined, where: string): void {
  if (errnoRet === undefined || action === 'SCMP_ACT_ERRNO' || action === 'SCMP_ACT_TRACE') return;
  throw bad(`${where} is given, and ${action} returns no error number`);
}

function numberOf(value: unknown, where: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value;
  throw bad(`${where} is no whole number from 0`);
}

function argOf(value: unknown, where: string): SeccompArg {
  const fields = fieldsOf(value, where);
  const index = numberOf(fields.index, `${where}.index`);
  if (index > 5) throw bad(`${where}.index is ${index}; a call has arguments 0 to 5`);
  const op = fields.op;
  if (typeof op !== 'string' || !OPERATORS.includes(op)) {
    throw bad(`${where}.op is ${JSON.stringify(op) ?? 'missing'}; there are ${OPERATORS.join(', ')}`);
  }
  return {
    index,
    value: numberOf(fields.value ?? 0, `${where}.value`),
    valueTwo: numberOf(fields.valueTwo ?? 0, `${where}.valueTwo`),
    op: op as SeccompOperator,
  };
}

/** "5.10.0-rc1" to [5, 10]. */
function kernelVersion(text: string, where: string): readonly [number, number] {
  const match = /^(\d+)\.(\d+)/.exec(text);
  if (match === null) throw bad(`${where} is no kernel version such as "4.8"`);
  return [Number(match[1]), Number(match[2])];
}

/** Docker's "includes" and "excludes": all of the former, any of the latter. */
function applies(rule: Fields, where: string, target: SeccompFor): boolean {
  const part = (name: string): Fields => fieldsOf(rule[name] ?? {}, `${where}.${name}`);
  const [includes, excludes] = [part('includes'), part('excludes')];
  const caps = (of: Fields): string[] => stringsOf(of.caps, `${where} caps`);
  const arches = (of: Fields): string[] => stringsOf(of.arches, `${where} arches`);
  const isHere = (name: string): boolean => ARCHES[target.machine].includes(name);
  const isNewEnough = (of: Fields): boolean => {
    if (typeof of.minKernel !== 'string' || of.minKernel === '') return true;
    const [major, minor] = kernelVersion(of.minKernel, `${where} minKernel`);
    const [here, hereMinor] = kernelVersion(target.kernel ?? release(), 'this kernel’s version');
    return here > major || (here === major && hereMinor >= minor);
  };
  const needs = caps(includes);
  if (needs.length > 0 && !needs.some((name) => target.capabilities.includes(name))) return false;
  if (arches(includes).length > 0 && !arches(includes).some(isHere)) return false;
  if (!isNewEnough(includes)) return false;
  if (caps(excludes).some((name) => target.capabilities.includes(name))) return false;
  if (arches(excludes).some(isHere)) return false;
  return excludes.minKernel === undefined || excludes.minKernel === '' || !isNewEnough(excludes);
}

function ruleOf(value: unknown, at: number, target: SeccompFor): SeccompRule[] {
  const where = `syscalls[${at}]`;
  const fields = fieldsOf(value, where);
  const names = typeof fields.name === 'string' ? [fields.name] : stringsOf(fields.names, `${where}.names`);
  if (names.length === 0) throw bad(`${where} names no system call`);
  const args = listOf(fields.args, `${where}.args`).map((arg, i) => argOf(arg, `${where}.args[${i}]`));
  const action = actionOf(fields.action, `${where}.action`);
  const errnoRet = errnoOf(fields.errnoRet, `${where}.errnoRet`);
  checkErrno(action, errnoRet, `${where}.errnoRet`);
  if (!applies(fields, where, target)) return [];
  return [{ names, action, args, ...(errnoRet === undefined ? {} : { errnoRet }) }];
}

function architecturesOf(profile: Fields, machine: Machine): string[] | undefined {
  const listed = stringsOf(profile.architectures, 'architectures');
  const map = listOf(profile.archMap, 'archMap').map((entry, i) => fieldsOf(entry, `archMap[${i}]`));
  if (listed.length > 0 && map.length > 0) throw bad('it has both "architectures" and "archMap"');
  const own = map.find(({ architecture }) => architecture === SCMP_NATIVE[machine]);
  if (own === undefined) return listed.length > 0 ? listed : undefined;
  return [SCMP_NATIVE[machine], ...stringsOf(own.subArchitectures, 'archMap subArchitectures')];
}

/** Reads a profile; what it says of other machines, kernels and capabilities is left out. Throws BAD_SECCOMP. */
export function parseSeccomp(text: string, target: SeccompFor): SeccompProfile {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw bad('it is no JSON');
  }
  const profile = fieldsOf(json, 'it');
  const architectures = architecturesOf(profile, target.machine);
  const defaultErrnoRet = errnoOf(profile.defaultErrnoRet, 'defaultErrnoRet');
  const defaultAction = actionOf(profile.defaultAction, 'defaultAction');
  checkErrno(defaultAction, defaultErrnoRet, 'defaultErrnoRet');
  return {
    defaultAction,
    ...(defaultErrnoRet === undefined ? {} : { defaultErrnoRet }),
    ...(architectures === undefined ? {} : { architectures }),
    syscalls: listOf(profile.syscalls, 'syscalls').flatMap((rule, i) => ruleOf(rule, i, target)),
  };
}
