import { MydockerError } from '../base/index.ts';
import {
  type OnProgress,
  type PulledImage,
  type PushedImage,
  parsePlatform,
  parseReference,
  pullFromRegistry,
  pushToRegistry,
  readRegistryConfig,
} from '../image/index.ts';
import type { Core } from './core.ts';
import { stepOpener } from './images.ts';

/** What `pull` takes beside the name. */
export interface PullSpec {
  /** "linux/arm64/v8"; default: this machine's. */
  platform?: string | undefined;
  /** Plain HTTP and unknown certificates are taken. */
  insecure?: boolean | undefined;
  onProgress?: OnProgress | undefined;
  signal?: AbortSignal | undefined;
}

/** True when the first part of a name is a registry's: "a.b/c", "localhost/c", but not "a/c". */
function namesRegistry(text: string): boolean {
  const [first = '', second] = text.split('/');
  return second !== undefined && (/[.:]/.test(first) || first === 'localhost');
}

/** The name with the configured registry in front, where it names none itself. */
function fullName(text: string, defaultRegistry: string): string {
  return namesRegistry(text) || defaultRegistry === 'docker.io' ? text : `${defaultRegistry}/${text}`;
}

/** Fetches an image. Throws MydockerError; see pullImage. */
export async function pull(core: Core, text: string, spec: PullSpec = {}): Promise<PulledImage> {
  core.prepare();
  const config = readRegistryConfig();
  const reference = fullName(text, config.defaultRegistry);
  parseReference(reference);
  const platform = spec.platform === undefined ? undefined : parsePlatform(spec.platform);
  try {
    return await pullFromRegistry({
      root: core.root,
      reference,
      platform,
      insecure: spec.insecure,
      config,
      openSteps: stepOpener(core),
      onProgress: spec.onProgress,
      signal: spec.signal,
    });
  } catch (error) {
    if (!(error instanceof MydockerError) || error.code !== 'REGISTRY_UNREACHABLE') throw error;
    throw new MydockerError(error.code, `cannot pull "${text}": ${error.message}`, {
      errno: error.errno,
      subject: error.subject,
      remedy: `${error.remedy ?? ''}; without a network there is "busybox", which is built in`,
      cause: error,
    });
  }
}

/** Sends an image to the registry its name says. Throws MydockerError; see pushImage. */
export async function push(
  core: Core,
  text: string,
  spec: Omit<PullSpec, 'platform'> = {},
): Promise<PushedImage> {
  core.prepare();
  const config = readRegistryConfig();
  return pushToRegistry({
    root: core.root,
    reference: text,
    insecure: spec.insecure,
    config,
    onProgress: spec.onProgress,
    signal: spec.signal,
  });
}
