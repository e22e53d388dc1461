import type { MydockerError } from '../base/index.ts';
import { formatIp, ipBytes, isAny, rangeText } from '../network/index.ts';
import { type ContainerRecord, type PortRecord, portClaims, type Wiring } from '../storage/index.ts';
import type { Core } from './core.ts';
import { processOnPort } from './port-owner.ts';
import { portHolderName, portInUse, releasePorts, takePorts } from './ports.ts';
import { restoreRules } from './reload.ts';

/** After a failed start: makes the next one succeed, or throws an error that says more. */
export async function repair(
  core: Core,
  record: ContainerRecord,
  error: MydockerError,
  wiring: Wiring | undefined,
): Promise<void> {
  if (error.code === 'RULES_MISSING') return restoreRules(core);
  const failed = wiring?.ports.find((range) => saidOf(range).includes(plain(error.subject ?? '')));
  if (wiring === undefined || failed === undefined) throw error;
  const asked = wiring.publish[wiring.ports.indexOf(failed)];
  for (const range of wiring.ports) releasePorts(core, record.id, range);
  if (asked?.hostPort === undefined) {
    await takePorts(core, record, failed);
    return;
  }
  throw portInUse(rangeText(failed), holderOfPort(core, record.id, failed) ?? 'another program');
}

/** An IPv6 address has many spellings. */
function plain(text: string): string {
  return text.replace(/\[([^\]]+)\]/, (_, ip: string) => `[${formatIp(ipBytes(ip))}]`);
}

/** How a step for this range calls it: "" stands for both families. */
function saidOf(range: PortRecord): string[] {
  return range.hostIp === ''
    ? ['', '0.0.0.0', '::'].map((hostIp) => rangeText({ ...range, hostIp }))
    : [plain(rangeText(range))];
}

/** Who has one of these ports: a container on another address, or a program of the host. */
export function holderOfPort(core: Core, id: string, range: PortRecord): string | undefined {
  const overlaps = (ip: string): boolean =>
    ip === 'any' || range.hostIp === '' || isAny(ip) || isAny(range.hostIp) || ip === range.hostIp;
  for (const [name, holder] of portClaims(core.paths)) {
    const [, protocol, ip = '', port] = /^(tcp|udp)-(.+)-(\d+)$/.exec(name) ?? [];
    const number = Number(port);
    const inRange = number >= range.hostPort && number < range.hostPort + range.count;
    if (holder !== id && protocol === range.protocol && inRange && overlaps(ip))
      return `the container ${portHolderName(core, holder)}`;
  }
  return processOnPort(range);
}
