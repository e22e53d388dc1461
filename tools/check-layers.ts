/**
 * The arrows between the rooms, as docs/architecture.md draws them: a room may import only those below it,
 * another room only through its index.ts, packages only where they are listed; no file is too long.
 * `--mermaid` prints the picture instead.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  base: [],
  plan: ['base'],
  shim: ['plan', 'base'],
  storage: ['shim', 'plan', 'base'],
  image: ['storage', 'shim', 'plan', 'base'],
  network: ['shim', 'plan', 'base'],
  runtime: ['shim', 'plan', 'base'],
  engine: ['image', 'network', 'runtime', 'storage', 'shim', 'plan', 'base'],
  oci: ['runtime', 'shim', 'plan', 'base'],
  cli: ['engine', 'oci', 'plan', 'base'],
  api: ['engine', 'plan', 'base'],
};
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  image: ['tar-stream', 'fzstd'],
  cli: ['cli-progress'],
};
/** Second doors of rooms: what lies behind is not loaded by who enters through the first. */
const DOORS = ['src/runtime/bundle/index.ts'];
const MAX_LINES = 300;

function files(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory()
      ? files(join(directory, entry.name))
      : /\.[tc]s?$|\.h$/.test(entry.name)
        ? [join(directory, entry.name)]
        : [],
  );
}

/** Module names in a file. `loading`: only those loaded with it, not types and not what is imported later. */
function imports(text: string, loading = false): string[] {
  const statement =
    /^(?:import|export)\s+(type\s)?[^;'"]*?from\s+'([^']+)'|^import\s+'([^']+)'|\bimport\('([^']+)'\)/gm;
  return [...text.matchAll(statement)]
    .filter(([, type, , , dynamic]) => !loading || (type === undefined && dynamic === undefined))
    .map(([, , from, bare, dynamic]) => from ?? bare ?? dynamic ?? '');
}

function problems(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  const lines = text.split('\n').length - 1;
  const long =
    lines > MAX_LINES && !file.includes('.gen.') ? [`${file}: ${lines} lines, more than ${MAX_LINES}`] : [];
  if (!file.startsWith('src/')) return long;
  const room = file.split('/')[1] ?? '';
  if (ALLOWED[room] === undefined) return [`${file}: no such room`];
  return [...long, ...imports(text).flatMap((name) => badImport(file, room, name))];
}

function badImport(file: string, room: string, name: string): string[] {
  if (name.startsWith('node:')) return [];
  if (!name.startsWith('.')) {
    return PACKAGES[room]?.includes(name)
      ? []
      : [`${file}: the room ${room} may not import the package ${name}`];
  }
  const target = relative('.', join(dirname(file), name));
  const other = target.split('/')[1] ?? '';
  if (other === room) return [];
  if (!ALLOWED[room]?.includes(other)) return [`${file}: ${room} may not import ${other}`];
  const door =
    target === `src/${other}/index.ts` ||
    other === 'base' ||
    target === 'src/engine/types.ts' ||
    DOORS.includes(target);
  return door ? [] : [`${file}: enters ${other} through ${target}, not its index.ts`];
}

/** Two files of one room that need each other: neither can be read alone. */
function cycles(all: readonly string[]): string[] {
  const graph = new Map(
    all.map((file) => [
      file,
      imports(readFileSync(file, 'utf8'), true)
        .filter((n) => n.startsWith('.'))
        .map((n) => relative('.', join(dirname(file), n))),
    ]),
  );
  const found: string[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const visit = (file: string, path: readonly string[]): void => {
    if (state.get(file) === 'open')
      found.push(`cycle: ${[...path.slice(path.indexOf(file)), file].join(' -> ')}`);
    if (state.has(file)) return;
    state.set(file, 'open');
    for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
    state.set(file, 'done');
  };
  for (const file of all) visit(file, []);
  return found;
}

function main(): void {
  if (process.argv.includes('--mermaid')) {
    console.log('flowchart LR');
    for (const [room, below] of Object.entries(ALLOWED))
      for (const other of below) console.log(`  ${room} --> ${other}`);
    return;
  }
  const sources = files('src');
  const found = [
    ...[...sources, ...files('native'), ...files('test'), ...files('tools'), ...files('bench')].flatMap(
      problems,
    ),
    ...cycles(sources.filter((f) => !f.endsWith('.test.ts'))),
  ];
  for (const line of found) console.error(line);
  if (found.length > 0) process.exit(1);
}

main();
