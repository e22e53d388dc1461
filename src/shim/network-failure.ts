import type { Step } from '../plan/index.ts';
import type { Failure } from './report.ts';

interface Advice {
  code: string;
  cause: string;
  remedy?: string;
}

const NETFILTER = 12;
const NO_KERNEL_SUPPORT = new Set(['EPROTONOSUPPORT', 'EOPNOTSUPP', 'EAFNOSUPPORT']);

function adviseNetlink(
  step: Extract<Step, { op: 'netlink-send' | 'netlink-check' }>,
  errno: string,
): Advice | undefined {
  const isTable = step.protocol === NETFILTER;
  if (isTable && step.op === 'netlink-check' && errno === 'ENOENT')
    return {
      code: 'RULES_MISSING',
      cause: 'our nftables table is gone',
      remedy: 'mydocker network reload makes it again',
    };
  if (step.op === 'netlink-check' && (errno === 'EEXIST' || errno === 'ENODEV')) {
    const what = isTable ? 'an nftables table of that name' : 'an interface of that name';
    return errno === 'EEXIST'
      ? {
          code: 'NOT_OURS',
          cause: `there is ${what} that mydocker did not make`,
          remedy: 'remove or rename that, then try again',
        }
      : {
          code: 'RULES_MISSING',
          cause: 'the bridge of the network is gone',
          remedy: 'mydocker network reload makes it again',
        };
  }
  if (NO_KERNEL_SUPPORT.has(errno)) {
    return isTable
      ? {
          code: 'NO_NFTABLES',
          cause: 'this kernel has no nftables',
          remedy: 'load nf_tables (CONFIG_NF_TABLES_INET, CONFIG_NFT_NAT), or use --network none or host',
        }
      : {
          code: 'NO_BRIDGE',
          cause: 'this kernel makes no bridges or veth pairs',
          remedy: 'load bridge and veth (CONFIG_BRIDGE, CONFIG_VETH), or use --network none or host',
        };
  }
  return undefined;
}

const FILTER_OPS = ['nft-batch', 'nft-dump', 'filter-sockets'];

/** An expression or set that the kernel was built without is ENOENT to it. */
function adviseFilter(errno: string): Advice | undefined {
  if (errno !== 'ENOENT' && !NO_KERNEL_SUPPORT.has(errno)) return undefined;
  return {
    code: 'NO_NFTABLES',
    cause: 'this kernel has no nftables, or lacks a part of it that --egress needs',
    remedy: 'load nf_tables, nft_ct, nft_reject_inet, nft_log and nfnetlink_log, or leave out --egress',
  };
}

/** Causes of failed steps of networks that the errno alone does not tell. */
export function adviseNetwork(step: Step, { errno }: Failure): Advice | undefined {
  if (step.op === 'netlink-send' || step.op === 'netlink-check') return adviseNetlink(step, errno);
  if (FILTER_OPS.includes(step.op)) return adviseFilter(errno);
  if (step.op !== 'hold-port') return undefined;
  if (errno === 'EADDRINUSE')
    return {
      code: 'PORT_IN_USE',
      cause: 'another program has it',
      remedy: 'stop that, or give another host port with -p',
    };
  if (errno === 'EMFILE')
    return {
      code: 'BAD_INPUT',
      cause: 'one container holds 4096 ports of the host at most, and no more than it may open files',
      remedy: 'publish fewer ports, or use --network host',
    };
  if (errno === 'EADDRNOTAVAIL')
    return {
      code: 'NO_SUCH_ADDRESS',
      cause: 'this host has no such address',
      remedy: 'publish on an address of the host, or on all',
    };
  return undefined;
}

/** What such a step is about, in a few words. */
export function sayNetworkStep(step: Step): string | undefined {
  switch (step.op) {
    case 'netlink-send':
      return step.protocol === NETFILTER ? 'change nftables' : 'change network interfaces';
    case 'netlink-into':
    case 'delete-link':
    case 'await-link':
      return 'change network interfaces';
    case 'turn':
      return 'wait for a turn at the container';
    case 'netlink-check':
      return step.protocol === NETFILTER ? 'look at nftables' : 'look at network interfaces';
    case 'nft-batch':
      return 'set the packet filter';
    case 'nft-dump':
      return 'look at the packet filter';
    case 'filter-sockets':
      return 'open sockets to the packet filter';
    case 'forget-flows':
      return 'forget flows (conntrack)';
    case 'hold-port':
      return `hold the port ${heldPort(step)}`;
    case 'name-link':
      return `name ${step.directory.slice(step.directory.lastIndexOf('/') + 1)}`;
    default:
      return undefined;
  }
}

/** "127.0.0.1:8080/tcp", as the engine calls a published range. */
export function heldPort(step: Extract<Step, { op: 'hold-port' }>): string {
  const bytes = Buffer.from(step.address);
  const isAny = bytes.every((byte) => byte === 0);
  const groups = Array.from({ length: bytes.length / 2 }, (_, i) => bytes.readUInt16BE(i * 2).toString(16));
  const ip = bytes.length === 4 ? bytes.join('.') : isAny ? '[::]' : `[${groups.join(':')}]`;
  const last = step.count === 1 ? '' : `-${step.port + step.count - 1}`;
  return `${isAny && bytes.length === 4 ? '' : `${ip}:`}${step.port}${last}/${step.protocol === 6 ? 'tcp' : 'udp'}`;
}
