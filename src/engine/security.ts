import { readFileSync } from 'node:fs';
import { badInput, MydockerError } from '../base/index.ts';
import { CAP, compileSeccomp, DEFAULT_CAPABILITIES } from '../runtime/index.ts';
import type { ContainerRecord } from '../storage/index.ts';
import type { ContainerSpec } from './types.ts';

/** What a record keeps of the security options; nothing of those that are the default. */
export type SecurityRecord = Pick<
  ContainerRecord,
  'capabilities' | 'capAdd' | 'capDrop' | 'seccomp' | 'noNewPrivileges'
>;

const ALL = 'ALL';

/** "net_admin", "CAP_NET_ADMIN" and "all" as the kernel's headers and Docker write them. Throws BAD_INPUT. */
function capabilityName(text: string, flag: string): string {
  const upper = text.toUpperCase();
  if (upper === ALL) return ALL;
  const name = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
  if (CAP[name] !== undefined) return name;
  throw badInput(`${flag}: there is no capability "${text}"`, {
    subject: text,
    remedy: 'see capabilities(7) for their names, for example NET_ADMIN; ALL means every one',
  });
}

/** The capabilities this process may hand on at all: the host may have taken some away. */
function held(): Set<string> {
  const status = readFileSync('/proc/self/status', 'latin1');
  const mask = BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  return new Set(
    Object.entries(CAP)
      .filter(([, number]) => ((mask >> BigInt(number)) & 1n) === 1n)
      .map(([name]) => name),
  );
}

/** Docker's rules: "add" wins over "drop" for one name; ALL on either side first. Throws BAD_INPUT, CAP_UNAVAILABLE. */
function capabilitiesOf(spec: ContainerSpec): string[] {
  const add = (spec.capAdd ?? []).map((text) => capabilityName(text, '--cap-add'));
  const drop = (spec.capDrop ?? []).map((text) => capabilityName(text, '--cap-drop'));
  const have = held();
  const lacking = add.find((name) => name !== ALL && !have.has(name));
  if (lacking !== undefined) {
    throw new MydockerError(
      'CAP_UNAVAILABLE',
      `--cap-add ${lacking}: mydocker itself does not have it here`,
      {
        subject: lacking,
        remedy: 'run mydocker where root has it, or leave it out',
      },
    );
  }
  const base = drop.includes(ALL) ? [] : DEFAULT_CAPABILITIES.filter((name) => !drop.includes(name));
  const more = add.includes(ALL) ? [...have].filter((name) => !drop.includes(name)) : add;
  return [...new Set([...base, ...more])];
}

/** The security options of a spec, checked and resolved. Throws BAD_INPUT, CAP_UNAVAILABLE, BAD_SECCOMP. */
export async function securityOf(spec: ContainerSpec): Promise<SecurityRecord> {
  const changesCaps = (spec.capAdd?.length ?? 0) + (spec.capDrop?.length ?? 0) > 0;
  const own = changesCaps
    ? {
        capabilities: capabilitiesOf(spec),
        capAdd: [...(spec.capAdd ?? [])],
        capDrop: [...(spec.capDrop ?? [])],
      }
    : {};
  const noNew = spec.noNewPrivileges === true ? { noNewPrivileges: true } : {};
  if (spec.seccomp === 'unconfined') return { ...own, ...noNew, seccomp: 'unconfined' };
  if (spec.seccomp === undefined && !changesCaps) return { ...own, ...noNew };
  const filter = await compileSeccomp(
    spec.seccomp,
    'capabilities' in own ? own.capabilities : DEFAULT_CAPABILITIES,
  );
  const seccomp = filter === undefined ? {} : { seccomp: Buffer.from(filter).toString('base64') };
  return { ...own, ...noNew, ...seccomp };
}
