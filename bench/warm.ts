/**
 * A process that has the library loaded and warm: for each line on standard input, one engine.run() of true,
 * answered by its nanoseconds. Runs under Node and under Bun. Arguments: the library's file, the root directory, the
 * network.
 */
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const [library = '', root = '', network = 'none'] = process.argv.slice(2);
const { Engine } = (await import(pathToFileURL(library).href)) as typeof import('../src/engine/index.ts');
const engine = new Engine({ root });
for await (const _ of createInterface({ input: process.stdin })) {
  const from = process.hrtime.bigint();
  const { exitCode, stderr } = await engine.run('busybox', ['true'], { network });
  const ns = process.hrtime.bigint() - from;
  process.stdout.write(exitCode === 0 ? `${ns}\n` : `exit ${exitCode} ${JSON.stringify(stderr.text)}\n`);
}
