/**
 * Builds everything below dist/, a line a stage on standard error:
 *   dist/assets/   the shim, its identity, the default image's layer
 *   dist/lib/      the library and CLI for Node: JavaScript and .d.ts
 *   dist/mydocker  the one-file executable, compiled by Bun
 * `--sanitize`: dist/sanitize/mydocker, whose shim checks itself with address and undefined-behaviour sanitizers.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import process from 'node:process';

const sanitize = process.argv.includes('--sanitize');
const OUT = sanitize ? 'dist/sanitize' : 'dist';
const ASSETS = `${OUT}/assets`;
const UP = sanitize ? '../..' : '..';

const say = (line) => process.stderr.write(`mydocker: ${line}\n`);

function run(command, args, what) {
  const result = spawnSync(command, args, { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
  if (result.status === 0) return result.stdout;
  const cause = result.error ? String(result.error.message) : `${result.stdout}${result.stderr}`;
  say(`${what} failed:\n${cause}`);
  process.exit(1);
}

const has = (command) => spawnSync('sh', ['-c', `command -v ${command}`]).status === 0;

/** musl makes a monitor of some 30 kB; glibc works, at 20 times that. The kernel's headers come from Debian's own. */
function compiler() {
  if (sanitize)
    return [
      'gcc',
      [
        '-fsanitize=address,undefined',
        '-fno-sanitize-recover=all',
        '-static-libasan',
        '-static-libubsan',
        '-g',
        '-O1',
      ],
    ];
  if (!has('musl-gcc')) return ['cc', ['-static', '-s', '-Os']];
  const triplet = execFileSync('cc', ['-print-multiarch'], { encoding: 'utf8' }).trim();
  const headers = ['-idirafter', `/usr/include/${triplet}`, '-idirafter', '/usr/include'];
  return [
    'musl-gcc',
    [
      ...headers,
      '-static',
      '-s',
      '-Oz',
      '-flto',
      '-ffunction-sections',
      '-fno-asynchronous-unwind-tables',
      '-fno-unwind-tables',
      '-Wl,--gc-sections',
      '-Wl,--sort-section=name',
      '-Wl,-z,noseparate-code',
      '-Wl,--build-id=none',
    ],
  ];
}

function buildShim() {
  const [cc, flags] = compiler();
  const sources = readdirSync('native')
    .filter((name) => name.endsWith('.c'))
    .map((name) => `native/${name}`);
  const warnings = ['-Wall', '-Wextra', '-Werror', '-Wshadow'];
  run(
    cc,
    ['-std=c11', '-D_GNU_SOURCE', ...warnings, ...flags, ...sources, '-o', `${ASSETS}/shim.new`],
    'compiling the shim',
  );
  renameSync(`${ASSETS}/shim.new`, `${ASSETS}/shim`);
  const digest = createHash('sha256')
    .update(readFileSync(`${ASSETS}/shim`))
    .digest('hex')
    .slice(0, 16);
  writeFileSync(`${ASSETS}/shim.id`, `${digest}\n`);
  return cc;
}

function buildExecutable() {
  const names = ['shim', 'shim.id', 'busybox.tar', 'busybox.json'];
  const imports = names.map((name, i) => `import asset${i} from './assets/${name}' with { type: 'file' };`);
  const entry = [
    ...imports,
    `import { setAssets } from '${UP}/src/shim/assets.ts';`,
    `import { main } from '${UP}/src/cli/main.ts';`,
    `setAssets({ ${names.map((name, i) => `'${name}': asset${i}`).join(', ')} });`,
    `import { wordsFor } from '${UP}/src/cli/called-as.ts';`,
    'main(wordsFor(process.argv0, process.argv.slice(2))).then((code) => process.exit(code));',
    '',
  ];
  writeFileSync(`${OUT}/entry.ts`, entry.join('\n'));
  const flags = [
    'build',
    '--compile',
    '--bytecode',
    '--format=esm',
    '--splitting',
    '--minify',
    '--min-chunk-size=16384',
    '--no-compile-autoload-dotenv',
    '--no-compile-autoload-bunfig',
  ];
  run(
    'node_modules/.bin/bun',
    [...flags, `${OUT}/entry.ts`, '--outfile', `${OUT}/mydocker.new`],
    'compiling the executable',
  );
  renameSync(`${OUT}/mydocker.new`, `${OUT}/mydocker`);
}

function buildLibrary() {
  say('compiling TypeScript');
  rmSync('dist/lib', { recursive: true, force: true });
  run('node_modules/.bin/tsc', ['-p', 'tsconfig.lib.json'], 'compiling TypeScript');
  run('node_modules/.bin/tsc', ['-p', 'tsconfig.tools.json'], 'compiling the tools');
}

mkdirSync(ASSETS, { recursive: true });
say(`compiling the shim (${compiler()[0]}${sanitize ? ', sanitizers' : ''})`);
buildShim();
if (!sanitize) buildLibrary();
say('making the default image from busybox');
run(process.execPath, ['build/tools/busybox-image.js', '', ASSETS], 'making the default image');
if (!sanitize) cpSync(ASSETS, 'build/assets', { recursive: true });
say('compiling the executable');
buildExecutable();
const size = (path, unit) => Math.round(statSync(path).size / unit);
say(`built ${OUT}/mydocker (${size(`${OUT}/mydocker`, 1e6)} MB, shim ${size(`${ASSETS}/shim`, 1000)} kB)`);
