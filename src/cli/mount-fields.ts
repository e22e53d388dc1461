import type { MountSpec } from '../engine/types.ts';
import { fail, isConsistency, isPropagation, sourcePath, targetPath, volumeName } from './mounts.ts';
import { parseSize } from './values.ts';

const MOUNT_FORM =
  'give for example --mount type=bind,source=/srv/data,target=/data,readonly or --mount type=volume,source=data,target=/data';
const TMPFS_FORM = 'give for example --tmpfs /run:size=64m,mode=1777';

/** Comma-separated fields; a field in double quotes may hold commas, as in a CSV line. */
function fields(text: string): string[] {
  return Array.from(text.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g), ([, quoted, plain]) =>
    quoted === undefined ? (plain ?? '') : quoted.replaceAll('""', '"'),
  );
}

const ALIASES: Readonly<Record<string, string>> = {
  src: 'source',
  dst: 'target',
  destination: 'target',
  ro: 'readonly',
};

const KINDS = ['bind', 'volume', 'tmpfs', 'image'] as const;
type Kind = (typeof KINDS)[number];

/** Each field, and the kinds of mount it goes with. */
const FIELDS: Readonly<Record<string, readonly Kind[]>> = {
  type: KINDS,
  source: ['bind', 'volume', 'image'],
  target: KINDS,
  readonly: KINDS,
  consistency: KINDS,
  'bind-propagation': ['bind'],
  'bind-nonrecursive': ['bind'],
  'bind-recursive': ['bind'],
  'volume-nocopy': ['volume'],
  'volume-label': ['volume'],
  'volume-driver': ['volume'],
  'volume-subpath': ['volume'],
  'image-subpath': ['image'],
  'tmpfs-size': ['tmpfs'],
  'tmpfs-mode': ['tmpfs'],
};

/** One `--mount`, taken apart. */
class Given {
  private readonly values = new Map<string, string[]>();

  constructor(
    private readonly flag: string,
    private readonly text: string,
  ) {
    for (const field of fields(text)) {
      const equals = field.indexOf('=');
      const word = (equals < 0 ? field : field.slice(0, equals)).trim().toLowerCase();
      const key = ALIASES[word] ?? word;
      if (FIELDS[key] === undefined) throw this.fail(`unknown field "${word}"`);
      const value = equals < 0 ? 'true' : field.slice(equals + 1);
      const before = this.values.get(key);
      if (before !== undefined && key !== 'volume-label') throw this.fail(`${key} is given twice`);
      this.values.set(key, [...(before ?? []), value]);
    }
  }

  fail(why: string, remedy = MOUNT_FORM): Error {
    return fail(`${this.flag} "${this.text}": ${why}`, this.flag, remedy);
  }

  get(key: string): string | undefined {
    return this.values.get(key)?.at(-1);
  }

  all(key: string): readonly string[] {
    return this.values.get(key) ?? [];
  }

  bool(key: string): boolean {
    const value = this.get(key) ?? 'false';
    if (value === 'true' || value === '1') return true;
    if (value === 'false' || value === '0') return false;
    throw this.fail(`${key} is true or false, not "${value}"`);
  }

  /** Docker's default kind is a volume. */
  kind(): Kind {
    const text = this.get('type') ?? 'volume';
    const kind = KINDS.find((name) => name === text);
    if (kind === undefined) throw this.fail(`there is no type "${text}"`, `there are ${KINDS.join(', ')}`);
    for (const key of this.values.keys())
      if (FIELDS[key]?.includes(kind) !== true) throw this.fail(`${key} does not go with type=${kind}`);
    return kind;
  }
}

function bindMount(given: Given, flag: string, text: string, target: string): MountSpec {
  const propagation = given.get('bind-propagation');
  const recursive = given.get('bind-recursive');
  if (propagation !== undefined && !isPropagation(propagation))
    throw given.fail(
      `there is no propagation "${propagation}"`,
      'there are rprivate, rslave, rshared, private, slave, shared',
    );
  const below = (['enabled', 'disabled', 'writable', 'readonly'] as const).find((word) => word === recursive);
  if (recursive !== undefined && below === undefined)
    throw given.fail(`bind-recursive is enabled, disabled, writable or readonly, not "${recursive}"`);
  if (given.bool('bind-nonrecursive') && below !== undefined && below !== 'disabled')
    throw given.fail('bind-nonrecursive and bind-recursive contradict each other');
  const how = given.bool('bind-nonrecursive') ? 'disabled' : below;
  return {
    type: 'bind',
    source: sourcePath(flag, text, given.get('source') ?? ''),
    target,
    readOnly: given.bool('readonly'),
    ...(how === undefined ? {} : { recursive: how }),
    ...(propagation === undefined ? {} : { propagation }),
  };
}

function volumeMount(given: Given, flag: string, text: string, target: string): MountSpec {
  const name = given.get('source');
  const driver = given.get('volume-driver') ?? 'local';
  const subpath = given.get('volume-subpath');
  if (driver !== 'local') throw given.fail(`there is no volume driver "${driver}"`, 'there is local only');
  const labels = given.all('volume-label').map((label) => {
    const equals = label.indexOf('=');
    return equals < 0 ? [label, ''] : [label.slice(0, equals), label.slice(equals + 1)];
  });
  return {
    type: 'volume',
    target,
    readOnly: given.bool('readonly'),
    ...(name === undefined || name === '' ? {} : { name: volumeName(flag, text, name) }),
    ...(given.bool('volume-nocopy') ? { noCopy: true } : {}),
    ...(subpath === undefined ? {} : { subpath }),
    ...(labels.length === 0 ? {} : { labels: Object.fromEntries(labels) as Record<string, string> }),
  };
}

function tmpfsMount(given: Given, flag: string, text: string, target: string): MountSpec {
  const size = given.get('tmpfs-size');
  const mode = given.get('tmpfs-mode');
  return {
    type: 'tmpfs',
    target,
    readOnly: given.bool('readonly'),
    ...(size === undefined ? {} : { sizeBytes: parseSize('tmpfs-size', size) }),
    ...(mode === undefined ? {} : { mode: octal(flag, text, mode) }),
  };
}

/** `--mount type=bind|volume|tmpfs|image,…`. Throws BAD_INPUT. */
export function parseMount(flag: string, text: string): MountSpec {
  const given = new Given(flag, text);
  const kind = given.kind();
  const target = targetPath(flag, text, given.get('target') ?? '', MOUNT_FORM);
  const consistency = given.get('consistency');
  if (consistency !== undefined && !isConsistency(consistency))
    throw given.fail(`there is no consistency "${consistency}"`);
  if (kind === 'bind') return bindMount(given, flag, text, target);
  if (kind === 'volume') return volumeMount(given, flag, text, target);
  if (kind === 'tmpfs') return tmpfsMount(given, flag, text, target);
  const image = given.get('source') ?? '';
  if (image === '')
    throw given.fail('it has no image', 'give for example --mount type=image,source=busybox,target=/bb');
  const subpath = given.get('image-subpath');
  return { type: 'image', image, target, ...(subpath === undefined ? {} : { subpath }) };
}

function octal(flag: string, text: string, mode: string): number {
  if (!/^[0-7]{1,5}$/.test(mode) || Number.parseInt(mode, 8) > 0o7777) {
    throw fail(`${flag} "${text}": "${mode}" is no octal mode`, flag, 'give for example mode 1777 or 0755');
  }
  return Number.parseInt(mode, 8);
}

/** Options of tmpfs(5) and mount(8) that are passed on. */
const TMPFS_PASSED =
  /^(no)?(exec|suid|dev|atime|diratime)$|^(relatime|strictatime|nr_inodes=\d+k?|nr_blocks=\d+k?|uid=\d+|gid=\d+)$/;

/** `--tmpfs /run[:size=64m,mode=1777,…]`. */
export function parseTmpfs(flag: string, text: string): MountSpec {
  const colon = text.indexOf(':');
  const target = targetPath(flag, text, colon < 0 ? text : text.slice(0, colon), TMPFS_FORM);
  const words = colon < 0 ? [] : text.slice(colon + 1).split(',');
  const spec: { -readonly [K in keyof (MountSpec & { type: 'tmpfs' })]: (MountSpec & { type: 'tmpfs' })[K] } =
    {
      type: 'tmpfs',
      target,
      readOnly: false,
    };
  const options: string[] = [];
  for (const word of words.filter((item) => item !== '')) {
    if (word.startsWith('size=')) spec.sizeBytes = parseSize(`${flag} size`, word.slice(5));
    else if (word.startsWith('mode=')) spec.mode = octal(flag, text, word.slice(5));
    else if (word === 'ro' || word === 'rw') spec.readOnly = word === 'ro';
    else if (TMPFS_PASSED.test(word)) options.push(word);
    else throw fail(`${flag} "${text}": unknown option "${word}"`, flag, TMPFS_FORM);
  }
  if (options.length > 0) spec.options = options;
  return spec;
}
