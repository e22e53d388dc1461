/** Egress lists by the library: no network is needed for a list that refuses. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { after, test } from 'node:test';
import { Engine, MydockerError } from '../../src/engine/index.ts';
import { leftovers } from './harness.ts';

const root = mkdtempSync('/var/tmp/mydocker-e2e-');
const engine = new Engine({ root, defaultNetwork: 'none' });
after(() => {
  assert.deepEqual(leftovers(root), []);
  rmSync(root, { recursive: true, force: true });
});

test('a list is given, changed and shown; what was denied is told', async () => {
  await using bird = await engine.containers.create({
    image: 'busybox',
    command: ['sleep', '600'],
    egress: ['example.com', '10.0.0.0/8'],
  });
  await bird.start();
  const asked = await bird.exec(['nslookup', 'Elsewhere.test']);
  assert.notEqual(asked.exitCode, 0);
  const [first, ...more] = await engine.containers.denied(bird.id);
  assert.deepEqual(more, []);
  const { count = 0, lastMs = 0, ...rest } = first ?? {};
  assert.deepEqual(rest, { kind: 'name', to: 'elsewhere.test', protocol: 'dns', port: 53 });
  assert.ok(count >= 1 && Math.abs(Date.now() - lastMs) < 60_000);
  await engine.containers.updateEgress(bird.id, { egressAdd: ['fd00::/8'], egressRemove: ['example.com'] });
  assert.deepEqual((await bird.inspect()).hostConfig.egress, ['10.0.0.0/8', 'fd00::/8']);
  await engine.containers.updateEgress(bird.id, { egress: 'any' });
  assert.equal((await bird.inspect()).hostConfig.egress, 'any');
});

test('errors have the codes that docs/library.md has', async () => {
  const codeOf = (promise: Promise<unknown>) =>
    promise.then(
      () => 'none',
      (error: unknown) => (error instanceof MydockerError ? error.code : String(error)),
    );
  await using plain = await engine.containers.create({ image: 'busybox', command: ['true'] });
  assert.equal(await codeOf(engine.containers.denied(plain.id)), 'NO_EGRESS_LIST');
  const wrong = { image: 'busybox', command: ['true'], egress: ['not a name'] };
  assert.equal(await codeOf(engine.containers.create(wrong)), 'BAD_INPUT');
  const added = engine.containers.updateEgress(plain.id, { egressAdd: ['example.com'] });
  assert.equal(await codeOf(added), 'BAD_INPUT');
});
