/** Linux errno numbers (asm-generic/errno.h), the ones a container's start can meet. */
const NAMES: Readonly<Record<number, readonly [name: string, words: string]>> = {
  1: ['EPERM', 'operation not permitted'],
  2: ['ENOENT', 'no such file or directory'],
  3: ['ESRCH', 'no such process'],
  4: ['EINTR', 'interrupted'],
  5: ['EIO', 'input/output error'],
  6: ['ENXIO', 'no such device or address'],
  7: ['E2BIG', 'argument list too long'],
  8: ['ENOEXEC', 'exec format error'],
  9: ['EBADF', 'bad file descriptor'],
  10: ['ECHILD', 'no child process'],
  11: ['EAGAIN', 'resource temporarily unavailable'],
  12: ['ENOMEM', 'out of memory'],
  13: ['EACCES', 'permission denied'],
  14: ['EFAULT', 'bad address'],
  16: ['EBUSY', 'device or resource busy'],
  17: ['EEXIST', 'file exists'],
  18: ['EXDEV', 'cross-device link'],
  19: ['ENODEV', 'no such device'],
  20: ['ENOTDIR', 'not a directory'],
  21: ['EISDIR', 'is a directory'],
  22: ['EINVAL', 'invalid argument'],
  23: ['ENFILE', 'too many open files in system'],
  24: ['EMFILE', 'too many open files'],
  25: ['ENOTTY', 'not a terminal, or not of this device'],
  26: ['ETXTBSY', 'text file busy'],
  27: ['EFBIG', 'file too large'],
  28: ['ENOSPC', 'no space left on device'],
  29: ['ESPIPE', 'cannot seek'],
  30: ['EROFS', 'read-only file system'],
  31: ['EMLINK', 'too many links'],
  32: ['EPIPE', 'broken pipe'],
  34: ['ERANGE', 'numerical result out of range'],
  35: ['EDEADLK', 'this would wait for ever'],
  36: ['ENAMETOOLONG', 'file name too long'],
  38: ['ENOSYS', 'system call not implemented by this kernel'],
  39: ['ENOTEMPTY', 'directory not empty'],
  40: ['ELOOP', 'too many levels of symbolic links'],
  61: ['ENODATA', 'no data available'],
  62: ['ETIME', 'timer expired'],
  71: ['EPROTO', 'protocol error'],
  74: ['EBADMSG', 'damaged data'],
  75: ['EOVERFLOW', 'value too large'],
  80: ['ELIBBAD', 'a damaged loader'],
  84: ['EILSEQ', 'not a valid character'],
  90: ['EMSGSIZE', 'message too long'],
  93: ['EPROTONOSUPPORT', 'protocol not supported'],
  95: ['EOPNOTSUPP', 'operation not supported'],
  97: ['EAFNOSUPPORT', 'address family not supported'],
  98: ['EADDRINUSE', 'address already in use'],
  99: ['EADDRNOTAVAIL', 'address not available'],
  101: ['ENETUNREACH', 'network is unreachable'],
  104: ['ECONNRESET', 'connection reset'],
  105: ['ENOBUFS', 'no buffer space available'],
  107: ['ENOTCONN', 'not connected'],
  110: ['ETIMEDOUT', 'connection timed out'],
  111: ['ECONNREFUSED', 'connection refused'],
  114: ['EALREADY', 'already so'],
  116: ['ESTALE', 'stale file handle'],
  117: ['EUCLEAN', 'the file system is damaged'],
  122: ['EDQUOT', 'disk quota exceeded'],
  125: ['ECANCELED', 'operation canceled'],
};

/** "ENOSPC" for 28; "errno 999" for a number this table does not hold. */
export function errnoName(errno: number): string {
  return NAMES[errno]?.[0] ?? `errno ${errno}`;
}

/** "no space left on device" for 28. */
export function errnoWords(errno: number): string {
  return NAMES[errno]?.[1] ?? `error number ${errno}`;
}

/** 28 for "ENOSPC"; undefined for an unknown name. */
export function errnoNumber(name: string): number | undefined {
  for (const [number, row] of Object.entries(NAMES)) if (row[0] === name) return Number(number);
  return undefined;
}
