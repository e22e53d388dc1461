/** Bits of operations that have many: the C side gets them generated, with the table. */

/** `streams` flags: what the monitor does with the container's standard streams. */
export const STREAMS = {
  /** Keep a pipe (or the pty) open towards the container's standard input. */
  stdin: 1,
  /** A pseudo-terminal instead of pipes. */
  tty: 2,
  /** The shim's own descriptors 0, 1 and 2 are the first client. */
  inherit: 4,
  /** Do not start the program before a client attached and said so. */
  hold: 8,
} as const;

/** `walk` flags. Its slot holds /proc/self/fd; `skip`: statfs(2) numbers of file systems that are not entered. */
export const WALK = {
  /** A link at the end of the path is followed. */
  follow: 1,
  /** Nothing below the path; after a link, what it leads to. */
  alone: 2,
  /** What is mounted below is part of the tree. */
  cross: 4,
  /** Of files with holes the pieces that are none. */
  holes: 8,
  /** No content. */
  bare: 16,
} as const;

/** `put-*` flags. */
export const PUT = {
  /** Links on the way are followed, inside our root; without it they are refused. */
  follow: 1,
  /** A directory may take the place of another file, and the other way round. */
  replace: 2,
} as const;
