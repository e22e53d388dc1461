import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { errnoOf } from '../base/index.ts';
import type { PortRecord } from '../storage/index.ts';

/** Something of /proc that may be gone a moment later, or closed to us. */
function tryRead<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return otherwise;
  }
}

/** Inodes of the sockets bound to a port of the range; proc(5), /proc/net/tcp. Only listening ones count for TCP. */
function inodes(range: PortRecord): Set<string> {
  const found = new Set<string>();
  for (const table of [range.protocol, `${range.protocol}6`]) {
    const text = tryRead(() => readFileSync(`/proc/net/${table}`, 'latin1'), '');
    for (const line of text.split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/);
      const port = Number.parseInt(fields[1]?.split(':')[1] ?? '', 16);
      const listens = range.protocol === 'udp' || fields[3] === '0A';
      const inode = fields[9];
      if (listens && port >= range.hostPort && port < range.hostPort + range.count && inode !== undefined)
        found.add(`socket:[${inode}]`);
    }
  }
  return found;
}

/** "the process nginx (pid 123)": who has a port of the range open; undefined when none of this namespace does. */
export function processOnPort(range: PortRecord): string | undefined {
  const wanted = inodes(range);
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const fds = tryRead(() => readdirSync(`/proc/${pid}/fd`), []);
    if (!fds.some((fd) => wanted.has(tryRead(() => readlinkSync(`/proc/${pid}/fd/${fd}`), '')))) continue;
    const name = tryRead(() => readFileSync(`/proc/${pid}/comm`, 'utf8').trim(), '?');
    // One of ours that keeps its state elsewhere: `ps` of this root does not show it.
    if (/^shim-[0-9a-f]+$/.test(name))
      return `a container of another root directory (its monitor is pid ${pid})`;
    return `the process ${name} (pid ${pid})`;
  }
  return undefined;
}
