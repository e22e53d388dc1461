import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { errnoOf, MydockerError } from '../base/index.ts';
import { noSuchImage, type ResolvedImage, resolveImage } from '../image/index.ts';
import { assetPath } from '../shim/index.ts';
import type { Core } from './core.ts';
import { isDefaultName } from './images.ts';

/** What dist/assets/busybox.json holds. */
interface BuiltIn {
  config: { config?: ResolvedImage['config'] };
  diffId: `sha256:${string}`;
  applets?: string[];
}

function builtIn(): BuiltIn {
  return JSON.parse(readFileSync(assetPath('busybox.json'), 'utf8')) as BuiltIn;
}

/** The image from the store if it can be read; else the built-in one as it would be there. Throws NO_SUCH_IMAGE. */
export function explainImage(core: Core, reference: string): ResolvedImage {
  const found = findImage(core, reference);
  if (found !== undefined) return found;
  if (!isDefaultName(reference)) throw noSuchImage(reference);
  const { config, diffId } = builtIn();
  return {
    id: diffId as ResolvedImage['id'],
    reference,
    config: config.config ?? {},
    layers: [`${core.root}/layers/${diffId.slice('sha256:'.length)}`],
    diffIds: [diffId as ResolvedImage['diffIds'][number]],
    manifestDigest: diffId as ResolvedImage['manifestDigest'],
    createdMs: 0,
  };
}

/** An image of the store; undefined also when there is no store yet, or none this user may read. */
export function findImage(core: Core, reference: string): ResolvedImage | undefined {
  try {
    return resolveImage(core.root, reference);
  } catch (error) {
    const errno = errnoOf(error instanceof MydockerError ? error.cause : error);
    if (errno === 'ENOENT' || errno === 'EACCES') return undefined;
    throw error;
  }
}

const BIN_DIRECTORIES = ['bin', 'sbin', 'usr/bin', 'usr/sbin', 'usr/local/bin', 'usr/local/sbin'];

/** True when the default image has a command of this name in its PATH, or this very file. */
export function imageHasCommand(image: ResolvedImage, word: string): boolean {
  const inLayer = (layer: string, path: string): boolean => {
    const parts = path.split('/');
    const name = parts.pop() ?? '';
    try {
      return readdirSync(`${layer}/${parts.join('/')}`).includes(name);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === 'ENOENT' || errno === 'ENOTDIR' || errno === 'EACCES')
        return linkTarget(layer, parts, name);
      throw error;
    }
  };
  const candidates = word.startsWith('/') ? [word.slice(1)] : BIN_DIRECTORIES.map((dir) => `${dir}/${word}`);
  return image.layers.some((layer) => candidates.some((path) => inLayer(layer, path)));
}

/** An image whose /bin is a link to usr/bin: one level, relative or absolute, inside the image. */
function linkTarget(layer: string, parts: string[], name: string): boolean {
  try {
    const target = readlinkSync(`${layer}/${parts.join('/')}`).replace(/^\/+/, '');
    return !target.includes('..') && readdirSync(`${layer}/${target}`).includes(name);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
}

/** The same question of the built-in image before it is in the store. */
export function builtInHasCommand(word: string): boolean {
  const { applets = [] } = builtIn();
  return word.startsWith('/') ? applets.includes(word) : applets.some((path) => path.endsWith(`/${word}`));
}
