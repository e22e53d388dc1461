/** How an argument travels. u32 and u64 little-endian; str NUL-terminated; strv a list of str. */
export type ArgKind = 'u32' | 'u64' | 'str' | 'bytes' | 'strv';

/** One operation. */
export interface OpRow {
  readonly code: number;
  readonly args: Readonly<Record<string, ArgKind>>;
  /** The system call, or calls, behind it: what `explain` prints. */
  readonly call: string;
}
