/**
 * Builds the default image's two assets from a static busybox: dist/assets/busybox.tar (the layer) and
 * dist/assets/busybox.json. Same busybox, same bytes.
 *
 *   node tools/run.mjs tools/busybox-image.ts [BUSYBOX [DIRECTORY]]
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { DefaultImageFacts } from '../src/image/busybox.ts';
import { imageArchitecture } from '../src/image/manifest.ts';
import { type TarEntry, tarEntry } from '../src/image/tar-entry.ts';
import { TAR_END, tarHeader, tarPadding } from '../src/image/tar-write.ts';
import { type DiffId, digestOf } from '../src/storage/index.ts';

/** 2024-01-01, unless SOURCE_DATE_EPOCH (seconds) says otherwise: reproducible-builds.org/specs/source-date-epoch. */
const DEFAULT_EPOCH_S = 1704067200;
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const DIRECTORIES: Readonly<Record<string, number>> = {
  bin: 0o755,
  dev: 0o755,
  etc: 0o755,
  home: 0o755,
  proc: 0o755,
  root: 0o700,
  sbin: 0o755,
  sys: 0o755,
  tmp: 0o1777,
  usr: 0o755,
  'usr/bin': 0o755,
  'usr/sbin': 0o755,
  var: 0o755,
  'var/tmp': 0o1777,
};

const FILES: Readonly<Record<string, readonly [mode: number, text: string]>> = {
  'etc/passwd': [
    0o644,
    [
      'root:x:0:0:root:/root:/bin/sh',
      'daemon:x:1:1:daemon:/usr/sbin:/bin/false',
      'bin:x:2:2:bin:/bin:/bin/false',
      'sys:x:3:3:sys:/dev:/bin/false',
      'mail:x:8:8:mail:/var/spool/mail:/bin/false',
      'www-data:x:33:33:www-data:/var/www:/bin/false',
      'nobody:x:65534:65534:nobody:/home:/bin/false',
      '',
    ].join('\n'),
  ],
  'etc/group': [
    0o644,
    [
      'root:x:0:',
      'daemon:x:1:',
      'bin:x:2:',
      'sys:x:3:',
      'adm:x:4:',
      'tty:x:5:',
      'disk:x:6:',
      'mail:x:8:',
      'wheel:x:10:root',
      'www-data:x:33:',
      'users:x:100:',
      'nogroup:x:65534:',
      '',
    ].join('\n'),
  ],
  'etc/shadow': [0o640, 'root:*:::::::\n'],
  'etc/nsswitch.conf': [0o644, 'passwd: files\ngroup: files\nhosts: files dns\n'],
};

/** The layer's tar and the image's config. `applets`: the lines of "busybox --list-full". Pure. */
export function buildBusyboxImage(
  binary: Buffer,
  applets: readonly string[],
  options: { epochS?: number; version?: string } = {},
): { tar: Buffer; facts: DefaultImageFacts } {
  const mtimeS = options.epochS ?? DEFAULT_EPOCH_S;
  const entries = new Map<string, readonly [entry: TarEntry, content: Buffer]>();
  const add = (entry: TarEntry, content: Buffer = Buffer.alloc(0)) =>
    entries.set(entry.name, [{ ...entry, size: content.length, mtimeS }, content]);
  for (const [name, mode] of Object.entries(DIRECTORIES)) add(tarEntry(name, 'directory', mode));
  for (const [name, [mode, text]] of Object.entries(FILES))
    add(tarEntry(name, 'file', mode), Buffer.from(text));
  add(tarEntry('bin/busybox', 'file', 0o755), binary);
  const link = (name: string) => {
    if (!entries.has(name)) add(tarEntry(name, 'symlink', 0o777, { linkName: '/bin/busybox' }));
  };
  for (const applet of applets.map((line) => line.replace(/^\/+/, '')).filter((line) => line !== '')) {
    link(applet);
    link(`bin/${applet.slice(applet.lastIndexOf('/') + 1)}`);
  }
  // By bytes, which puts each directory before what it holds.
  const sorted = [...entries.values()].sort(([a], [b]) => (a.name < b.name ? -1 : 1));
  const tar = Buffer.concat([
    ...sorted.flatMap(([entry, content]) => [tarHeader(entry), content, tarPadding(content.length)]),
    TAR_END,
  ]);
  const commands = sorted
    .filter(([entry]) => entry.linkName === '/bin/busybox')
    .map(([entry]) => `/${entry.name}`);
  return { tar, facts: { ...factsOf(tar, mtimeS, options.version ?? 'BusyBox'), applets: commands } };
}

function factsOf(tar: Buffer, epochS: number, version: string): Omit<DefaultImageFacts, 'applets'> {
  const diffId = digestOf(tar) as DiffId;
  const created = new Date(epochS * 1000).toISOString();
  return {
    config: {
      created,
      architecture: imageArchitecture(),
      os: 'linux',
      config: { Env: [`PATH=${PATH}`], Cmd: ['sh'] },
      rootfs: { type: 'layers', diff_ids: [diffId] },
      history: [{ created, created_by: 'tools/busybox-image.ts', comment: version }],
    },
    diffId,
    version,
  };
}

/** True for a 64-bit little-endian ELF executable without an interpreter (PT_INTERP): elf(5). */
export function isStaticElf(binary: Buffer): boolean {
  if (binary.length < 64 || binary.toString('latin1', 0, 4) !== '\x7fELF') return false;
  if (binary[4] !== 2 || binary[5] !== 1) return false;
  const PT_INTERP = 3;
  const [at, size, count] = [
    Number(binary.readBigUInt64LE(32)),
    binary.readUInt16LE(54),
    binary.readUInt16LE(56),
  ];
  for (let i = 0; i < count; i++) {
    const header = at + i * size;
    if (header + 4 > binary.length || binary.readUInt32LE(header) === PT_INTERP) return false;
  }
  return true;
}

/** Candidates in order; a directory of PATH may be a link to another. */
function findBusybox(): string {
  const inPath = (process.env.PATH ?? '').split(':').map((dir) => `${dir}/busybox`);
  for (const path of [...inPath, '/bin/busybox', '/usr/bin/busybox']) {
    try {
      if (path.startsWith('/') && isStaticElf(readFileSync(path))) return realpathSync(path);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code !== 'ENOENT' && code !== 'ENOTDIR' && code !== 'EACCES') throw error;
    }
  }
  throw new Error(
    'no static busybox found for the default image; install one (Debian and Ubuntu: apt-get install busybox-static;' +
      ' Alpine: apk add busybox-static) or give its path: node tools/run.mjs tools/busybox-image.ts PATH',
  );
}

function main(args: readonly string[]): void {
  const path = args[0] ? args[0] : findBusybox();
  const dir = args[1] ?? 'dist/assets';
  const binary = readFileSync(path);
  if (!isStaticElf(binary)) throw new Error(`${path} is no static executable; install busybox-static`);
  const applets = execFileSync(path, ['--list-full'], { encoding: 'utf8' }).split('\n');
  const version = execFileSync(path, ['--help'], { encoding: 'utf8' }).split('\n')[0] ?? '';
  const epoch = process.env.SOURCE_DATE_EPOCH;
  const options = { version, ...(epoch === undefined ? {} : { epochS: Number(epoch) }) };
  const { tar, facts } = buildBusyboxImage(binary, applets, options);
  mkdirSync(dir, { recursive: true });
  writeFileSync(`${dir}/busybox.tar`, tar);
  writeFileSync(`${dir}/busybox.json`, `${JSON.stringify(facts, undefined, 2)}\n`);
  console.error(`${dir}/busybox.tar: ${tar.length} bytes from ${path}, ${facts.diffId}`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    main(process.argv.slice(2));
  } catch (error) {
    console.error(`busybox-image: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
