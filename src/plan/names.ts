/** Names of the kernel's flag bits, for `explain`: the numbers themselves stand in runtime/. */
type Bits = ReadonlyArray<readonly [bit: number, name: string]>;

/** mount(2). */
const MOUNT: Bits = [
  [1, 'MS_RDONLY'],
  [2, 'MS_NOSUID'],
  [4, 'MS_NODEV'],
  [8, 'MS_NOEXEC'],
  [16, 'MS_SYNCHRONOUS'],
  [32, 'MS_REMOUNT'],
  [64, 'MS_MANDLOCK'],
  [128, 'MS_DIRSYNC'],
  [1024, 'MS_NOATIME'],
  [2048, 'MS_NODIRATIME'],
  [4096, 'MS_BIND'],
  [8192, 'MS_MOVE'],
  [16384, 'MS_REC'],
  [32768, 'MS_SILENT'],
  [1 << 17, 'MS_UNBINDABLE'],
  [1 << 18, 'MS_PRIVATE'],
  [1 << 19, 'MS_SLAVE'],
  [1 << 20, 'MS_SHARED'],
  [1 << 21, 'MS_RELATIME'],
  [1 << 24, 'MS_STRICTATIME'],
];

/** mount_setattr(2). */
const ATTRIBUTES: Bits = [
  [1, 'MOUNT_ATTR_RDONLY'],
  [2, 'MOUNT_ATTR_NOSUID'],
  [4, 'MOUNT_ATTR_NODEV'],
  [8, 'MOUNT_ATTR_NOEXEC'],
  [0x10, 'MOUNT_ATTR_NOATIME'],
  [0x20, 'MOUNT_ATTR_STRICTATIME'],
  [0x80, 'MOUNT_ATTR_NODIRATIME'],
  [0x100000, 'MOUNT_ATTR_IDMAP'],
];

/** umount2(2). */
const UMOUNT: Bits = [
  [1, 'MNT_FORCE'],
  [2, 'MNT_DETACH'],
  [4, 'MNT_EXPIRE'],
  [8, 'UMOUNT_NOFOLLOW'],
];

/** clone(2), setns(2), unshare(2). */
const NAMESPACES: Bits = [
  [0x20000, 'CLONE_NEWNS'],
  [0x2000000, 'CLONE_NEWCGROUP'],
  [0x4000000, 'CLONE_NEWUTS'],
  [0x8000000, 'CLONE_NEWIPC'],
  [0x10000000, 'CLONE_NEWUSER'],
  [0x20000000, 'CLONE_NEWPID'],
  [0x40000000, 'CLONE_NEWNET'],
];

const STREAM_BITS: Bits = [
  [1, 'stdin'],
  [2, 'tty'],
  [4, 'inherit'],
  [8, 'hold'],
];

/** netlink(7). */
const NETLINK_FLAGS: Bits = [
  [1, 'NLM_F_REQUEST'],
  [2, 'NLM_F_MULTI'],
  [4, 'NLM_F_ACK'],
  [0x100, 'NLM_F_REPLACE'],
  [0x200, 'NLM_F_EXCL'],
  [0x400, 'NLM_F_CREATE'],
];

function join(value: number, bits: Bits): string {
  let rest = value >>> 0;
  const names: string[] = [];
  for (const [bit, name] of bits) {
    if ((rest & bit) !== 0) names.push(name);
    rest = (rest & ~bit) >>> 0;
  }
  if (rest !== 0) names.push(`0x${rest.toString(16)}`);
  return names.length === 0 ? '0' : names.join('|');
}

/** "MS_NOSUID|MS_NODEV"; "0" for none; unknown bits in hexadecimal. Likewise the others. */
export const mountFlags = (value: number): string => join(value, MOUNT);
export const attributes = (value: number): string => join(value, ATTRIBUTES);
export const umountFlags = (value: number): string => join(value, UMOUNT);
export const namespaceFlags = (value: number): string => join(value, NAMESPACES);
export const streamFlags = (value: number): string => join(value, STREAM_BITS);
export const netlinkFlags = (value: number): string => join(value, NETLINK_FLAGS);

/** Capability names by number; capability.h. */
const CAPABILITIES =
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE';

/** "{CHOWN, KILL}" for a mask; numbers for bits without a name. */
export function capabilitySet(mask: number | bigint): string {
  const names = CAPABILITIES.split(' ');
  const found: string[] = [];
  for (let bit = 0, rest = BigInt.asUintN(64, BigInt(mask)); rest !== 0n; bit++, rest >>= 1n) {
    if ((rest & 1n) === 1n) found.push(names[bit] ?? String(bit));
  }
  return `{${found.join(', ')}}`;
}

/** getrlimit(2) resources by number. */
const RESOURCES =
  'CPU FSIZE DATA STACK CORE RSS NPROC NOFILE MEMLOCK AS LOCKS SIGPENDING MSGQUEUE NICE RTPRIO RTTIME';

/** "RLIMIT_NOFILE" for 7. */
export function resourceName(resource: number): string {
  const name = RESOURCES.split(' ')[resource];
  return name === undefined ? String(resource) : `RLIMIT_${name}`;
}

/** rtnetlink(7) message types. */
const MESSAGES: Readonly<Record<number, string>> = {
  16: 'RTM_NEWLINK',
  17: 'RTM_DELLINK',
  18: 'RTM_GETLINK',
  19: 'RTM_SETLINK',
  20: 'RTM_NEWADDR',
  21: 'RTM_DELADDR',
  24: 'RTM_NEWROUTE',
  25: 'RTM_DELROUTE',
};

/** "RTM_NEWLINK" for 16. */
export function messageName(type: number): string {
  return MESSAGES[type] ?? `message ${type}`;
}
