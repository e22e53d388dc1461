/** One log entry; `text` still ends in its newline if the program wrote one. */
export interface LogEntry {
  stream: 'stdout' | 'stderr';
  /** RFC 3339 with nanoseconds, UTC. */
  time: string;
  text: string;
}

export interface LogOptions {
  follow?: boolean;
  /** Last N entries. */
  tail?: number;
  sinceMs?: number;
  signal?: AbortSignal;
}
