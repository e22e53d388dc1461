import {
  DEFAULT_DEVICE_RULES,
  type OciDeviceRule,
  type OciRate,
  type OciResources,
} from '../runtime/index.ts';
import type { ContainerRecord, DeviceRate, RecordedResources } from '../storage/index.ts';

/** Without the fields that are undefined; undefined when none is left. */
function only<T extends object>(fields: { [K in keyof T]: T[K] | undefined }): T | undefined {
  const known = Object.entries(fields).filter(([, value]) => value !== undefined);
  return known.length === 0 ? undefined : (Object.fromEntries(known) as T);
}

const rates = (list: readonly DeviceRate[] | undefined): OciRate[] | undefined =>
  list?.map(({ major, minor, rate }) => ({ major, minor, rate }));

function deviceRules(record: ContainerRecord): OciDeviceRule[] {
  const { privileged, devices = [], deviceRules: more = [] } = record.isolation ?? {};
  if (privileged === true) return [{ allow: true, access: 'rwm' }];
  return [
    ...DEFAULT_DEVICE_RULES,
    ...devices.map(
      ({ type, major, minor, access }): OciDeviceRule => ({ allow: true, type, major, minor, access }),
    ),
    ...more.map((rule): OciDeviceRule => ({ allow: true, ...rule })),
  ];
}

function memoryOf(r: RecordedResources): OciResources['memory'] {
  return only({
    limit: r.memoryBytes,
    swap: r.memorySwapBytes,
    reservation: r.memoryReservationBytes,
    swappiness: r.memorySwappiness,
    disableOOMKiller: r.oomKillDisable,
  });
}

function cpuOf(r: RecordedResources): OciResources['cpu'] {
  return only({
    shares: r.cpuShares,
    quota: r.cpuQuotaUs,
    period: r.cpuPeriodUs ?? (r.cpuQuotaUs === undefined ? undefined : 100_000),
    cpus: r.cpusetCpus,
    mems: r.cpusetMems,
  });
}

function blockIoOf(r: RecordedResources): OciResources['blockIO'] {
  return only({
    weight: r.blkioWeight,
    weightDevice: r.blkioWeightDevice?.map(({ major, minor, rate }) => ({ major, minor, weight: rate })),
    throttleReadBpsDevice: rates(r.readBps),
    throttleWriteBpsDevice: rates(r.writeBps),
    throttleReadIOPSDevice: rates(r.readIops),
    throttleWriteIOPSDevice: rates(r.writeIops),
  });
}

/** linux.resources of a container. */
export function ociResources(record: ContainerRecord): OciResources {
  const { pidsLimit } = record.resources;
  return (
    only<OciResources>({
      memory: memoryOf(record.resources),
      cpu: cpuOf(record.resources),
      pids: pidsLimit === undefined ? undefined : { limit: pidsLimit },
      blockIO: blockIoOf(record.resources),
      devices: deviceRules(record),
    }) ?? {}
  );
}
