import { badInput, MydockerError, namePattern, randomHex } from '../base/index.ts';
import {
  createVolume,
  DiskMeter,
  dataDir,
  isVolumeName,
  listVolumes,
  readVolume,
  removeVolume,
  volumeDir,
  volumeUsers,
} from '../storage/index.ts';
import type { Core } from './core.ts';
import { removeTrees, sweep } from './sweep.ts';
import type { PrunedVolumes, VolumeFilters, VolumeSpec, VolumeSummary } from './types.ts';

type Test = (volume: VolumeSummary) => boolean;

function badFilter(text: string, why: string): MydockerError {
  return badInput(`--filter "${text}": ${why}`, {
    subject: text,
    remedy: 'there are dangling=true|false, name=, label=, label!= and driver=',
  });
}

function hasLabel(value: string): Test {
  const equals = value.indexOf('=');
  const key = equals < 0 ? value : value.slice(0, equals);
  return ({ labels }) =>
    Object.hasOwn(labels, key) && (equals < 0 || labels[key] === value.slice(equals + 1));
}

const KEYS: Readonly<Record<string, (value: string, text: string) => Test>> = {
  dangling: (value, text) => {
    if (!['true', 'false', '1', '0'].includes(value))
      throw badFilter(text, `"${value}" is neither true nor false`);
    const wanted = value === 'true' || value === '1';
    return ({ users }) => (users.length === 0) === wanted;
  },
  name: (value) => {
    const matches = namePattern(value);
    return (volume) => matches(volume.name);
  },
  label: hasLabel,
  'label!': (value) => (volume) => !hasLabel(value)(volume),
  driver: (value) => (volume) => volume.driver === value,
};

/** Values of one key are alternatives (labels: all must hold), different keys must all hold. */
function parseFilters(list: readonly string[], keys: readonly string[]): Test {
  const byKey = new Map<string, Test[]>();
  for (const text of list) {
    const [, key = '', value = ''] = /^([^=]*?!?)=(.*)$/s.exec(text) ?? [];
    const make = keys.includes(key) ? KEYS[key] : undefined;
    if (make === undefined)
      throw badFilter(text, key === '' ? 'it is not of the form KEY=VALUE' : `there is no filter "${key}"`);
    byKey.set(key, [...(byKey.get(key) ?? []), make(value, text)]);
  }
  return (volume) =>
    Array.from(byKey).every(([key, tests]) =>
      key.startsWith('label') ? tests.every((test) => test(volume)) : tests.some((test) => test(volume)),
    );
}

function noSuchVolume(name: string): MydockerError {
  return new MydockerError('NO_SUCH_VOLUME', `no such volume: ${name}`, {
    subject: name,
    remedy: 'see all with: mydocker volume ls',
    exitCode: 1,
  });
}

/** The volumes of an engine: directories that outlive containers, by name. */
export class Volumes {
  constructor(private readonly core: Core) {}

  /** Makes a volume; one that is there already is left as it is. Throws BAD_INPUT. */
  async create(spec: VolumeSpec = {}): Promise<VolumeSummary> {
    this.core.prepare();
    const name = spec.name ?? randomHex(32);
    if (!isVolumeName(name))
      throw badInput(`"${name}" is no name of a volume`, {
        subject: name,
        remedy: 'use two or more of letters, digits, "_", "." and "-", first a letter or digit',
      });
    createVolume(this.core.paths, {
      name,
      labels: { ...spec.labels },
      ...(spec.name === undefined ? { anonymous: true } : {}),
    });
    return this.describe(name) ?? Promise.reject(noSuchVolume(name));
  }

  /** All volumes, by name. Throws BAD_INPUT. */
  async list(options: VolumeFilters = {}): Promise<VolumeSummary[]> {
    const wanted = parseFilters(options.filters ?? [], ['dangling', 'name', 'label', 'label!', 'driver']);
    return listVolumes(this.core.paths)
      .flatMap((name) => this.describe(name) ?? [])
      .filter(wanted);
  }

  /** Throws NO_SUCH_VOLUME. */
  async inspect(name: string): Promise<VolumeSummary> {
    const found = isVolumeName(name) ? this.describe(name) : undefined;
    if (found === undefined) throw noSuchVolume(name);
    return found;
  }

  /** Removes a volume and all that is in it. Throws NO_SUCH_VOLUME, VOLUME_IN_USE. */
  async remove(name: string, options: { force?: boolean } = {}): Promise<void> {
    this.core.prepare();
    const directory = isVolumeName(name) ? removeVolume(this.core.paths, name) : undefined;
    if (directory !== undefined)
      await removeTrees(this.core, `cannot remove the volume ${name}`, [directory]);
    else if (options.force !== true) throw noSuchVolume(name);
  }

  /** Removes the volumes that no container has: those without a name of the user's, or with `all` every one. */
  async prune(options: VolumeFilters & { all?: boolean } = {}): Promise<PrunedVolumes> {
    this.core.prepare();
    const wanted = parseFilters(options.filters ?? [], ['label', 'label!']);
    await sweep(this.core, false);
    const meter = new DiskMeter(this.core.root);
    const pruned: PrunedVolumes = { deleted: [], reclaimedBytes: 0 };
    for (const volume of await this.list()) {
      if (volume.users.length > 0 || !wanted(volume)) continue;
      if (options.all !== true && !volume.isAnonymous) continue;
      const bytes = meter.tree(volumeDir(this.core.paths, volume.name));
      try {
        await this.remove(volume.name, { force: true });
        pruned.deleted.push(volume.name);
        pruned.reclaimedBytes += bytes;
      } catch (error) {
        if (!(error instanceof MydockerError) || error.code !== 'VOLUME_IN_USE') throw error;
      }
    }
    return pruned;
  }

  private describe(name: string): VolumeSummary | undefined {
    const record = readVolume(this.core.paths, name);
    if (record === undefined) return undefined;
    return {
      name,
      driver: 'local',
      labels: record.labels,
      mountpoint: dataDir(this.core.paths, name),
      createdAtMs: record.createdAtMs,
      isAnonymous: record.anonymous === true,
      users: volumeUsers(this.core.paths, name),
    };
  }
}
