import type { ContainerDetails } from '../engine/types.ts';

type Host = ContainerDetails['hostConfig'];

const rates = (list: ReadonlyArray<{ path: string; rate: number }> | undefined, field = 'Rate') =>
  (list ?? []).map(({ path, rate }) => ({ Path: path, [field]: rate }));

/** Limits, in the words of `docker inspect`. */
export function limitFields({ resources: r }: Host): Record<string, unknown> {
  const period = r.cpuPeriodUs ?? 0;
  const asCores = r.cpuQuotaUs !== undefined && r.cpuPeriodUs === undefined;
  return {
    MemorySwap: r.memorySwapBytes ?? (r.memoryBytes === undefined ? 0 : r.memoryBytes * 2),
    MemoryReservation: r.memoryReservationBytes ?? 0,
    MemorySwappiness: r.memorySwappiness ?? null,
    OomKillDisable: r.oomKillDisable ?? false,
    CpuShares: r.cpuShares ?? 0,
    CpuPeriod: period,
    CpuQuota: asCores ? 0 : (r.cpuQuotaUs ?? 0),
    CpusetCpus: r.cpusetCpus ?? '',
    CpusetMems: r.cpusetMems ?? '',
    PidsLimit: r.pidsLimit ?? null,
    BlkioWeight: r.blkioWeight ?? 0,
    BlkioWeightDevice: rates(r.blkioWeightDevice, 'Weight'),
    BlkioDeviceReadBps: rates(r.readBps),
    BlkioDeviceWriteBps: rates(r.writeBps),
    BlkioDeviceReadIOps: rates(r.readIops),
    BlkioDeviceWriteIOps: rates(r.writeIops),
  };
}

/** Namespaces, devices and the like. */
export function isolationFields({ isolation: i }: Host): Record<string, unknown> {
  const maps = i.users?.uids.map((m) => `${m.containerID}:${m.hostID}:${m.size}`) ?? [];
  return {
    Privileged: i.privileged ?? false,
    PidMode: i.pid ?? '',
    IpcMode: i.ipc ?? 'private',
    UTSMode: i.uts ?? '',
    CgroupnsMode: i.cgroupns ?? 'private',
    UsernsMode:
      maps.length === 0 ? '' : i.userBlock === undefined ? maps.join(',') : `auto ${maps.join(',')}`,
    Devices: (i.devices ?? []).map((device) => ({
      PathOnHost: device.hostPath,
      PathInContainer: device.path,
      CgroupPermissions: device.access,
    })),
    DeviceCgroupRules: (i.deviceRules ?? []).map(
      ({ type, major = '*', minor = '*', access }) => `${type} ${major}:${minor} ${access}`,
    ),
    Sysctls: i.sysctls ?? {},
    Ulimits: (i.ulimits ?? []).map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
    OomScoreAdj: i.oomScoreAdj ?? 0,
    GroupAdd: i.groupAdd ?? null,
    ShmSize: i.shmBytes ?? 64 * 1024 * 1024,
    CgroupParent: i.cgroupParent ?? '',
  };
}
