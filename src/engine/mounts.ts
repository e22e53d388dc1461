import { readFileSync, realpathSync } from 'node:fs';
import { badInput, errnoOf, randomHex } from '../base/index.ts';
import { noSuchImage, type ResolvedImage } from '../image/index.ts';
import {
  type BindMount,
  findContainer,
  isVolumeName,
  type RecordedIsolation,
  type RecordedMount,
  type VolumeMount,
} from '../storage/index.ts';
import type { Core } from './core.ts';
import { findImage } from './explain.ts';
import { requireRecord } from './status.ts';
import type { ContainerSpec, ImageMountSpec, MountSpec, VolumeMountSpec } from './types.ts';

/** The optional fields of the mount a path lies on, proc(5) mountinfo: "shared:12", "master:3". */
function propagationOf(path: string): { mount: string; fields: string[] } {
  let real = path;
  try {
    real = realpathSync(path);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
  let found = { mount: '/', fields: [] as string[] };
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const words = line.split(' ');
    const mount = (words[4] ?? '').replace(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    const holds = mount === '/' || real === mount || real.startsWith(`${mount}/`);
    // The last one of a path is what one sees there.
    if (words.length > 6 && holds && mount.length >= found.mount.length)
      found = { mount, fields: words.slice(6, words.indexOf('-')) };
  }
  return found;
}

function checkBind(m: BindMount, isolation: RecordedIsolation | undefined): BindMount {
  const refuse = (why: string, remedy: string): never => {
    throw badInput(`cannot mount ${m.source}: ${why}`, { subject: m.source, remedy });
  };
  const { propagation = 'rprivate', recursive } = m;
  const { mount, fields } = propagationOf(m.source);
  const has = (word: string): boolean => fields.some((field) => field.startsWith(word));
  if (propagation.endsWith('shared') && !has('shared:'))
    refuse(
      `it lies on ${mount}, which is not a shared mount`,
      `mount --make-shared ${mount}, or leave out ${propagation}`,
    );
  if (propagation.endsWith('slave') && !has('shared:') && !has('master:'))
    refuse(
      `it lies on ${mount}, which is neither a shared nor a slave mount`,
      `mount --make-shared ${mount}, or leave out ${propagation}`,
    );
  if (recursive === 'readonly' && !m.readOnly)
    refuse('bind-recursive=readonly goes with readonly only', 'add readonly');
  if (recursive === 'writable' && !m.readOnly)
    refuse('bind-recursive=writable goes with readonly only', 'add readonly');
  if (recursive === 'readonly' && m.propagation !== undefined && propagation !== 'rprivate')
    refuse('bind-recursive=readonly goes with bind-propagation=rprivate only', 'leave one of them out');
  if (m.idmap === true && isolation?.users === undefined)
    refuse(
      'idmap means the map of the container’s users, and it has none of its own',
      'add --userns auto, or give the map: idmap=uids=1000-0-1;gids=1000-0-1',
    );
  return m;
}

function volumeMount(m: VolumeMountSpec): VolumeMount {
  const { labels: _, name, ...plain } = m;
  if (name !== undefined && !isVolumeName(name))
    throw badInput(`"${name}" is no name of a volume`, {
      subject: name,
      remedy:
        'use two or more of letters, digits, "_", "." and "-", first a letter or digit; a path begins with / or .',
    });
  checkSubpath('volume', m.subpath);
  return name === undefined ? { ...plain, name: randomHex(32), anonymous: true } : { ...plain, name };
}

function checkSubpath(kind: 'volume' | 'image', path: string | undefined): void {
  if (path === undefined || (path !== '' && !path.startsWith('/') && !path.split('/').includes('..'))) return;
  throw badInput(`${kind}-subpath "${path}" leads out of the ${kind}`, {
    subject: path,
    remedy: `give a path below the ${kind}`,
  });
}

function imageMount(core: Core, m: ImageMountSpec): RecordedMount {
  checkSubpath('image', m.subpath);
  const image = findImage(core, m.image);
  if (image === undefined) throw noSuchImage(m.image);
  return { ...m, imageId: image.id, layers: image.layers, readOnly: true };
}

function resolve(core: Core, m: MountSpec, isolation: RecordedIsolation | undefined): RecordedMount {
  if (m.type === 'bind') return checkBind({ ...m }, isolation);
  if (m.type === 'volume') return volumeMount(m);
  if (m.type === 'image') return imageMount(core, m);
  return { ...m };
}

/** `--volumes-from`: what another container has of volumes and of the host. */
function borrowed(core: Core, text: string): RecordedMount[] {
  const [name = '', mode = ''] = text.split(':');
  if (!['', 'ro', 'rw', 'z', 'Z'].includes(mode))
    throw badInput(`--volumes-from "${text}": "${mode}" is neither ro nor rw`, {
      subject: text,
      remedy: 'give NAME, NAME:ro or NAME:rw',
    });
  const record = requireRecord(core.paths, findContainer(core.paths, name));
  return record.mounts
    .filter((m) => m.type === 'volume' || m.type === 'bind')
    .map((m) => (mode === 'ro' ? { ...m, readOnly: true } : { ...m }));
}

/** All mounts of a container, as they are recorded. Throws BAD_INPUT, NO_SUCH_IMAGE, NO_SUCH_CONTAINER. */
export function mountsOf(
  core: Core,
  spec: ContainerSpec,
  image: ResolvedImage,
  isolation: RecordedIsolation | undefined,
): RecordedMount[] {
  const asked = (spec.mounts ?? []).map((m) => resolve(core, m, isolation));
  const targets = new Set<string>();
  for (const { target } of asked) {
    if (targets.has(target))
      throw badInput(`two mounts have the same container path ${target}`, {
        subject: target,
        remedy: 'leave one of them out',
      });
    targets.add(target);
  }
  // What was asked for wins over what others have, and that over what the image says.
  const add = (list: readonly RecordedMount[]): void => {
    for (const m of list) {
      if (targets.has(m.target)) continue;
      targets.add(m.target);
      asked.push(m);
    }
  };
  for (const text of spec.volumesFrom ?? []) add(borrowed(core, text));
  add(
    Object.keys(image.config.Volumes ?? {})
      .filter((target) => target.startsWith('/') && target !== '/')
      .map((target) =>
        volumeMount({ type: 'volume', target: target.replace(/(.)\/+$/, '$1'), readOnly: false }),
      ),
  );
  return asked;
}
