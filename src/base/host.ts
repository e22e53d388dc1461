/**
 * What every start needs of the runtime, at the least cost: a `run` lives 15 ms, and loading node:crypto alone
 * takes 2 of them, node:child_process 3, node:zlib 5.
 */

/** Modules loaded only when first used. */
interface Builtins {
  'node:crypto': typeof import('node:crypto');
  'node:child_process': typeof import('node:child_process');
  'node:net': typeof import('node:net');
  'node:os': typeof import('node:os');
  'node:path': typeof import('node:path');
  'node:tty': typeof import('node:tty');
  'node:worker_threads': typeof import('node:worker_threads');
}

/** A built-in module, loaded at the first call (Node 20.16 and later, Bun). */
export function builtin<N extends keyof Builtins>(name: N): Builtins[N] {
  return process.getBuiltinModule(name) as unknown as Builtins[N];
}

/** A module of our own, loaded at the first call. For the way of a start: import() takes 0.1 ms each time. */
export function late<T>(load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | undefined;
  return () => {
    loaded ??= load();
    return loaded;
  };
}

/** A call takes 0.05 ms, however few bytes it brings. */
const POOL_BYTES = 512;
let pool = Buffer.alloc(0);

/** Random bytes as hex digits, from the kernel. At most 512. */
export function randomHex(bytes: number): string {
  if (pool.length < bytes)
    pool = Buffer.from(globalThis.crypto.getRandomValues(new Uint8Array(POOL_BYTES)).buffer);
  const text = pool.toString('hex', 0, bytes);
  pool = pool.subarray(bytes);
  return text;
}

/** A random integer from 0 to below `limit` (at most 2^32); for names, so the slight bias does not matter. */
export function randomBelow(limit: number): number {
  const [value = 0] = globalThis.crypto.getRandomValues(new Uint32Array(1));
  return value % limit;
}

/** Resolves after so many milliseconds, or as soon as the signal aborts. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done);
  });
}
