import { badInput } from '../base/errors.ts';

/** One side of a copy. */
export type CopyEnd =
  | { kind: 'stream' }
  | { kind: 'local'; path: string }
  | { kind: 'container'; container: string; path: string };

/** The two sides; at least one is a container's, and at most one. */
export type CopyWay =
  | { from: Exclude<CopyEnd, { kind: 'container' }>; to: Extract<CopyEnd, { kind: 'container' }> }
  | { from: Extract<CopyEnd, { kind: 'container' }>; to: Exclude<CopyEnd, { kind: 'container' }> };

/**
 * "bird:/etc/hosts" is in a container; "-" a stream; all else is here. A local name with ":" begins with "/" or ".", as
 * for docker: a container's name has no "/" before its ":".
 */
export function parseEnd(text: string): CopyEnd {
  if (text === '-') return { kind: 'stream' };
  const colon = text.indexOf(':');
  if (colon < 1 || text.startsWith('.') || text.slice(0, colon).includes('/'))
    return { kind: 'local', path: text };
  return { kind: 'container', container: text.slice(0, colon), path: text.slice(colon + 1) };
}

/** Throws BAD_INPUT unless exactly one of the two is in a container. */
export function parseWay(source: string, destination: string): CopyWay {
  for (const text of [source, destination]) {
    if (text === '') throw badInput('a path is empty', { remedy: 'give CONTAINER:PATH, a local path, or -' });
  }
  const [from, to] = [parseEnd(source), parseEnd(destination)];
  if (from.kind === 'container' && to.kind === 'container') {
    throw badInput('both paths are in containers: one must be local', {
      remedy: `copy by way of a stream: mydocker cp ${source} - | mydocker cp - ${destination}`,
    });
  }
  if (from.kind === 'container' && to.kind !== 'container') return { from, to };
  if (from.kind !== 'container' && to.kind === 'container') return { from, to };
  throw badInput('neither path is in a container', {
    remedy: 'write the container before the path: CONTAINER:PATH',
  });
}
