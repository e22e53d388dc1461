/** The library's declarations, as a program in TypeScript finds them: packed, unpacked, compiled against. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { command } from './harness.ts';

const directory = mkdtempSync('/var/tmp/mydocker-types-');
after(() => rmSync(directory, { recursive: true }));

const PROGRAM = `
import { Engine, MydockerError } from 'mydocker';

const engine = new Engine();
await using container = await engine.containers.create({ image: 'busybox', command: ['true'] });
try {
  const { exitCode, stdout, stderr } = await engine.run('busybox', ['true'], { signal: AbortSignal.timeout(1000) });
  const words: string = stdout.text + stderr.text;
  const bytes: Uint8Array = stdout.bytes;
  const code: number = exitCode;
  console.log(code, words, bytes.length, container.id);
} catch (error) {
  if (!(error instanceof MydockerError)) throw error;
  const { code, step, errno, subject, remedy } = error;
  console.log(code, step, errno, subject, remedy);
}
// @ts-expect-error: no such option
await engine.run('busybox', ['true'], { memory: '100m' });
`;

test('a program in strict TypeScript compiles against the packed library', async () => {
  const must = async (file: string, ...args: string[]): Promise<void> => {
    const { code, stdout, stderr } = await command(file, args, { timeoutMs: 120_000 });
    assert.equal(code, 0, `${file}: ${stdout}${stderr}`);
  };
  const home = `${directory}/node_modules/mydocker`;
  mkdirSync(home, { recursive: true });
  await must('npm', 'pack', '--silent', '--ignore-scripts', '--pack-destination', directory);
  await must('sh', '-c', `tar -xzf ${directory}/mydocker-*.tgz -C ${home} --strip-components 1`);
  writeFileSync(`${directory}/package.json`, '{ "type": "module" }');
  writeFileSync(`${directory}/program.ts`, PROGRAM);
  await must(
    'node_modules/.bin/tsc',
    ...[
      '--ignoreConfig',
      '--noEmit',
      '--strict',
      '--exactOptionalPropertyTypes',
      '--noUncheckedIndexedAccess',
    ],
    ...['--module', 'nodenext', '--target', 'es2022', '--lib', 'esnext', '--types', 'node'],
    ...['--typeRoots', `${process.cwd()}/node_modules/@types`, `${directory}/program.ts`],
  );
});
