import { badInput, excerpt } from '../base/index.ts';
import { imageArchitecture } from './manifest.ts';

/** What an image is made for: image-spec image-index.md § platform. */
export interface Platform {
  os: string;
  architecture: string;
  variant?: string;
}

const ALIASES: Readonly<Record<string, Omit<Platform, 'os'>>> = {
  x86_64: { architecture: 'amd64' },
  'x86-64': { architecture: 'amd64' },
  aarch64: { architecture: 'arm64' },
  arm64: { architecture: 'arm64' },
  armhf: { architecture: 'arm', variant: 'v7' },
  armel: { architecture: 'arm', variant: 'v6' },
  i386: { architecture: '386' },
};

/** This machine's. */
export function hostPlatform(): Platform {
  return { os: 'linux', architecture: imageArchitecture() };
}

/** "linux/arm64/v8", "arm64", "linux". Throws BAD_INPUT. */
export function parsePlatform(text: string): Platform {
  const parts = text.toLowerCase().split('/');
  if (parts.length > 3 || !parts.every((part) => /^[\w.-]+$/.test(part))) {
    throw badInput(`"${excerpt(text)}" is no platform`, {
      subject: excerpt(text),
      remedy: 'write it as linux/amd64 or linux/arm64/v8',
    });
  }
  const [first = '', second, third] = parts;
  if (second === undefined && ['linux', 'windows', 'darwin', 'freebsd'].includes(first)) {
    return { ...hostPlatform(), os: first };
  }
  const [os, named, variant] = second === undefined ? ['linux', first, undefined] : [first, second, third];
  const { architecture = named, variant: usual } = ALIASES[named] ?? {};
  const chosen = variant ?? usual;
  return { os, architecture, ...(chosen === undefined ? {} : { variant: chosen }) };
}

/** "linux/arm64/v8". */
export function platformText(platform: Platform): string {
  const { os, architecture, variant } = platform;
  return [os, architecture, ...(variant === undefined || variant === '' ? [] : [variant])].join('/');
}

/** How many variants back a wanted one can run: an ARM v7 runs v6 and v5. A 64-bit one without a name is v8. */
function variantNumber({ architecture, variant }: Platform): number {
  const usual = architecture === 'arm64' ? 8 : architecture === 'arm' ? 7 : 1;
  const number = /^v(\d+)/.exec(variant ?? '')?.[1];
  return number === undefined ? usual : Number(number);
}

/** The best of the entries for a platform: same system and architecture, the newest variant that runs there. */
export function choosePlatform<T extends { platform?: Platform | undefined }>(
  entries: readonly T[],
  wanted: Platform,
): T | undefined {
  const fitting = entries.flatMap((entry) => {
    const { platform } = entry;
    if (platform === undefined || platform.os !== wanted.os || platform.architecture !== wanted.architecture)
      return [];
    const number = variantNumber(platform);
    return number <= variantNumber(wanted) ? [{ entry, number }] : [];
  });
  fitting.sort((a, b) => b.number - a.number);
  return fitting[0]?.entry;
}
