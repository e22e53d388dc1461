/** Something that happened to a container, an image, a network or a volume. */
export interface EngineEvent {
  /** RFC 3339 with nanoseconds, UTC. */
  time: string;
  type: 'container' | 'image' | 'network' | 'volume';
  /** Docker's word: create, start, die, kill, destroy, pull … */
  action: string;
  /** Of the container; the reference or id of an image; the name of a network or volume. */
  id: string;
  /** A container's: image, name and its labels; exitCode of die, signal of kill, and so on. */
  attributes: Readonly<Record<string, string>>;
}

export interface EventOptions {
  /** Events from then on, in Unix milliseconds; absent: only what happens from now on. */
  sinceMs?: number;
  /** Ends there; absent: goes on until the signal aborts. */
  untilMs?: number;
  /** Docker's: "container=bird", "event=die", "image=busybox", "label=a=b", "type=image", "network=…", "volume=…". */
  filters?: readonly string[];
  signal?: AbortSignal;
}
