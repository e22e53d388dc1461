/** Operations for networks: rows of the one table in ops.ts. */
export const NETWORK_OPS = {
  'netlink-send': {
    code: 120,
    args: {
      protocol: 'u32',
      messages: 'bytes',
      harmless: 'u32',
      link: 'str',
      linkAt: 'bytes',
      pidAt: 'bytes',
    },
    call: 'socket(AF_NETLINK), sendto, recv',
  },
  'netlink-check': {
    code: 121,
    args: { protocol: 'u32', question: 'bytes', expect: 'bytes', messages: 'bytes' },
    call: 'socket(AF_NETLINK), sendto, recv',
  },
  'netlink-each': {
    code: 128,
    args: {
      protocol: 'u32',
      question: 'bytes',
      expect: 'bytes',
      attribute: 'u32',
      messages: 'bytes',
      handleAt: 'u32',
    },
    call: 'socket(AF_NETLINK), sendto, recv, sendto …',
  },
  'delete-link': {
    code: 182,
    args: { name: 'str', messages: 'bytes', harmless: 'u32', wait: 'u32' },
    call: 'fork, socket(AF_NETLINK), sendto',
  },
  'await-link': { code: 183, args: { name: 'str' }, call: 'ioctl(SIOCGIFNAME)' },
  'forget-flows': {
    code: 186,
    args: { question: 'bytes', protocol: 'u32', ip: 'bytes', first: 'u32', count: 'u32', reply: 'u32' },
    call: 'socket(AF_NETLINK), sendto, recv, sendto …',
  },
  'hold-port': {
    code: 123,
    args: { protocol: 'u32', address: 'bytes', port: 'u32', count: 'u32' },
    call: 'socket, bind, listen',
  },
  'release-port': {
    code: 124,
    args: { protocol: 'u32', address: 'bytes', port: 'u32', count: 'u32' },
    call: 'close',
  },
  'unlink-ports': {
    code: 127,
    args: { prefix: 'str', first: 'u32', count: 'u32', text: 'str' },
    call: 'readlink, unlink',
  },
  'name-link': { code: 125, args: { directory: 'str', file: 'str', text: 'str' }, call: 'mkdir, symlink' },
  turn: { code: 129, args: { directory: 'str' }, call: 'open, flock' },
  'netlink-into': {
    code: 190,
    args: { messages: 'bytes', link: 'str', linkAt: 'bytes', slot: 'u32', fdAt: 'bytes' },
    call: 'socket(AF_NETLINK), sendto, recv',
  },
  'name-unlink': { code: 126, args: { directory: 'str', file: 'str' }, call: 'unlink, rmdir' },
} as const;
