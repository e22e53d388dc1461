/** The launcher's set-up, with programs that only say what they were asked: a machine that lacks everything. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { after, test } from 'node:test';
import { command, type Result } from './harness.ts';

const top = mkdtempSync('/var/tmp/mydocker-launcher-');
after(() => rmSync(top, { recursive: true }));
let count = 0;

/** A clone with nothing built, and a PATH with these programs alone: scripts, or where the real one lies. */
class Machine {
  readonly clone = `${top}/${count++}`;
  private readonly bin = `${this.clone}-bin`;

  constructor(programs: Readonly<Record<string, string>>) {
    mkdirSync(`${this.clone}/tools`, { recursive: true });
    mkdirSync(this.bin);
    for (const file of ['mydocker', 'tools/setup.sh', 'package.json', 'package-lock.json'])
      copyFileSync(file, `${this.clone}/${file}`);
    // Shells compare times by the second: what is built is newer.
    utimesSync(`${this.clone}/package.json`, 1_000_000_000, 1_000_000_000);
    utimesSync(`${this.clone}/package-lock.json`, 1_000_000_000, 1_000_000_000);
    // What it would build only says that it ran.
    const program = `#!/bin/sh\\necho built "$@"\\n`;
    writeFileSync(
      `${this.clone}/tools/build.mjs`,
      `import { mkdirSync, writeFileSync } from 'node:fs'; mkdirSync('dist'); writeFileSync('dist/mydocker', '${program}', { mode: 0o755 });`,
    );
    for (const name of [
      'mktemp',
      'rm',
      'id',
      'head',
      'tail',
      'ldd',
      'dirname',
      'readlink',
      'basename',
      'mkdir',
      'sh',
    ])
      symlinkSync(`/usr/bin/${name}`, `${this.bin}/${name}`);
    symlinkSync(process.execPath, `${this.bin}/node`);
    for (const [name, text] of Object.entries(programs)) {
      writeFileSync(`${this.bin}/${name}`, `#!/bin/sh\n${text}\n`);
      chmodSync(`${this.bin}/${name}`, 0o755);
    }
  }

  run(...words: string[]): Promise<Result> {
    return command('/bin/sh', [`${this.clone}/mydocker`, ...words], { env: { PATH: this.bin } });
  }
  get asked(): string[] {
    const file = `${this.clone}-bin/asked`;
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  }
}

const SAYS = 'echo "$(basename "$0") $*" >> "$(dirname "$0")/asked"';

test('the first command installs what is missing, a line a stage, builds, and runs; the second only runs', async () => {
  const machine = new Machine({
    'apt-get': SAYS,
    npm: `${SAYS}; mkdir -p node_modules; echo > node_modules/.package-lock.json`,
  });
  const { code, stdout, stderr } = await machine.run('version');
  assert.deepEqual([code, stdout], [0, 'built version\n'], stderr);
  assert.match(stderr, /^(mydocker: [^\n]+\n)+$/);
  for (const name of ['gcc', 'musl-tools', 'busybox-static', 'npm packages'])
    assert.ok(stderr.includes(name), `${name}: ${stderr}`);
  const installs = machine.asked.filter((line) => line.startsWith('apt-get install'));
  for (const name of ['gcc', 'libc6-dev', 'musl-tools', 'busybox-static'])
    assert.ok(
      installs.some((line) => line.endsWith(` ${name}`)),
      installs.join('\n'),
    );
  assert.ok(machine.asked.some((line) => line.startsWith('npm ci')));
  assert.deepEqual(await machine.run('ps'), { code: 0, stdout: 'built ps\n', stderr: '' });
});

test('without musl-tools it goes on, with the compiler that is there', async () => {
  const machine = new Machine({
    'apt-get': `${SAYS}; case "$*" in *musl-tools*) exit 100 ;; esac`,
    npm: SAYS,
    gcc: SAYS,
    cc: SAYS,
  });
  const { code, stderr } = await machine.run('version');
  assert.equal(code, 0, stderr);
  assert.match(stderr, /no musl-tools: the shim will be built by cc -static/);
});

test('a package that cannot be installed: why, and exit code 125', async () => {
  const machine = new Machine({
    'apt-get': `${SAYS}; case "$*" in *busybox-static*) echo "E: no such package" >&2; exit 100 ;; esac`,
    npm: SAYS,
    cc: SAYS,
    'musl-gcc': SAYS,
  });
  const { code, stdout, stderr } = await machine.run('version');
  assert.deepEqual([code, stdout], [125, '']);
  assert.match(stderr, /E: no such package\nmydocker: that failed; the lines above say why\n$/);
});

test('on other systems one sentence says what to install', async () => {
  for (const [programs, said] of [
    [
      { npm: SAYS, cc: SAYS, 'musl-gcc': SAYS },
      /^mydocker: a static busybox is needed .*Alpine, Fedora: busybox.*\n$/,
    ],
    [{}, /^mydocker: Node 20\.16 or later with npm is needed.*\n$/],
  ] as const) {
    const { code, stdout, stderr } = await new Machine(programs).run('version');
    assert.deepEqual([code, stdout], [125, '']);
    assert.match(stderr, said);
  }
});
