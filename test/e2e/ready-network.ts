/**
 * ready-network ROOT PORT: what a start that was made ready says when it fails, on a network that it is the first to use; and
 * what its monitor holds. In the network namespace of its test, where somebody listens at PORT.
 */
import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Engine } from '../../src/engine/index.ts';
import { processes, until } from './harness.ts';

const root = process.argv[2] ?? '';
const port = Number(process.argv[3]);
const engine = new Engine({ root, defaultNetwork: 'none' });
const shims = (): number[] => processes(`${root}/bin/shim-`);

async function warm(): Promise<void> {
  for (let i = 0; i < 2; i++) await engine.run('busybox', ['true']);
  await until('a shim waits', () => shims().length > 0);
  await sleep(100);
}

const publish = [{ protocol: 'tcp', hostIp: '', hostPort: port, containerPort: 80, count: 1 }] as const;
for (const network of ['first', 'second']) {
  await warm();
  // Nothing of the network is there yet: this start makes it, and its failure is told all the same.
  const run = network === 'first' ? engine.run('busybox', ['nosuch'], { network }) : undefined;
  if (run !== undefined) await assert.rejects(run, { code: 'EXEC_NOT_FOUND', errno: 'ENOENT' });
  else
    await assert.rejects(engine.run('busybox', ['true'], { network, publish: [...publish] }), {
      code: 'PORT_IN_USE',
    });
}

await warm();
const [waiting = 0] = shims();
const under = engine.run('busybox', ['sleep', '0.5'], { network: 'host' });
await until('it runs', () => processes('sleep\x000.5').length > 0);
const held = readdirSync(`/proc/${waiting}/fd`).map((fd) => readlinkSync(`/proc/${waiting}/fd/${fd}`));
assert.ok(held.length > 3, 'the one that waited is its monitor');
assert.deepEqual(
  held.filter((to) => to.startsWith('net:')),
  [],
  'no namespace that nobody uses',
);
assert.equal((await under).exitCode, 0);
await engine.close();
