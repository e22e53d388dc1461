import { errnoOf, MydockerError } from '../base/index.ts';
import { listNetworks, type NetworkRecord, networkNames, type Paths, readNetwork } from '../storage/index.ts';

/** Networks without an interface of ours, as Docker lists them: what `--network host` and `--network none` mean. */
export const PREDEFINED = [
  { name: 'host', driver: 'host', id: '686f7374'.padEnd(64, '0') },
  { name: 'none', driver: 'null', id: '6e6f6e65'.padEnd(64, '0') },
] as const;

/** None for `explain` by somebody who may not read them. */
export function readableNetworks(paths: Paths): NetworkRecord[] {
  try {
    return listNetworks(paths);
  } catch (error) {
    if (errnoOf(error) === 'EACCES') return [];
    throw error;
  }
}

export function noSuchNetwork(ref: string): MydockerError {
  return new MydockerError('NO_SUCH_NETWORK', `no such network: ${ref}`, {
    subject: ref,
    remedy: `see all with: mydocker network ls; make it with: mydocker network create ${ref}`,
    exitCode: 1,
  });
}

/** The name of a network by its name, its whole id or a beginning of it. Throws NO_SUCH_NETWORK, AMBIGUOUS. */
export function networkNameOf(paths: Paths, ref: string): string {
  if (readNetwork(paths, ref) !== undefined || PREDEFINED.some(({ name }) => name === ref)) return ref;
  const ids = /^[0-9a-f]{1,64}$/.test(ref)
    ? [...listNetworks(paths), ...PREDEFINED].filter(({ id }) => id.startsWith(ref))
    : [];
  const [found] = ids;
  if (ids.length > 1) {
    throw new MydockerError(
      'AMBIGUOUS',
      `"${ref}" is the beginning of ${ids.length} network ids: ${ids.map(({ name }) => name).join(', ')}`,
      { subject: ref, remedy: 'give more of the id, or the name', exitCode: 1 },
    );
  }
  if (found !== undefined) return found.name;
  // One whose record is damaged can still be removed.
  if (networkNames(paths).includes(ref)) return ref;
  throw noSuchNetwork(ref);
}

/** The same, its record. Throws NO_SUCH_NETWORK, AMBIGUOUS, BROKEN_STATE; for host and none BAD_INPUT. */
export function findNetwork(paths: Paths, ref: string, what: string): NetworkRecord {
  const name = networkNameOf(paths, ref);
  const record = readNetwork(paths, name);
  if (record !== undefined) return record;
  if (PREDEFINED.some((one) => one.name === name)) {
    throw new MydockerError('BAD_INPUT', `cannot ${what} the network ${name}: it is no network of its own`, {
      subject: name,
      remedy: `give it when the container is made: mydocker run --network ${name}`,
      exitCode: 1,
    });
  }
  throw new MydockerError('BROKEN_STATE', `cannot ${what} the network ${name}: its record is damaged`, {
    subject: name,
    remedy: `remove it with: mydocker network rm ${name}`,
    exitCode: 1,
  });
}
