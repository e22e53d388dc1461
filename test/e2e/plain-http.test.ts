/** Plain HTTP beyond this machine: only where it was asked for. Debian's docker-registry, at an address that is not loopback. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { EXECUTABLE, Host, type Result, until } from './harness.ts';
import { Namespace } from './name-bed.ts';

const host = new Host();
const namespace = new Namespace();
const directory = mkdtempSync('/var/tmp/mydocker-plain-');
after(async () => {
  await namespace.close();
  rmSync(directory, { recursive: true });
});
const ADDRESS = '198.51.100.9:5000';

test('a registry that speaks plain HTTP: refused, unless --insecure or the settings say otherwise', async () => {
  namespace.sync('ip', 'addr', 'add', '198.51.100.9/32', 'dev', 'lo');
  const storage = `storage: { filesystem: { rootdirectory: ${directory}/registry } }`;
  writeFileSync(`${directory}/registry.yml`, `version: 0.1\n${storage}\nhttp: { addr: "${ADDRESS}" }\n`);
  namespace.start('docker-registry', ['serve', `${directory}/registry.yml`]);
  await until('the registry answers', async () => {
    const { code } = await namespace.run('wget', ['-qO-', `http://${ADDRESS}/v2/`]);
    return code === 0;
  });
  const env = { PATH: process.env.PATH ?? '', MYDOCKER_ROOT: host.root };
  const run = (...words: string[]): Promise<Result> => namespace.run(EXECUTABLE, words, { env });
  const name = `${ADDRESS}/busybox:plain`;
  assert.equal((await run('tag', 'busybox', name)).code, 0);

  const refused = await run('push', '-q', name);
  assert.equal(refused.code, 125, refused.stderr);
  assert.match(
    refused.stderr,
    /^mydocker: the registry 198\.51\.100\.9:5000 speaks plain HTTP, not TLS; give --insecure [^\n]*\n$/,
  );
  const pushed = await run('push', '-q', '--insecure', name);
  assert.equal(pushed.code, 0, pushed.stderr);
  await host.ok('rmi', name);

  assert.equal((await run('pull', '-q', name)).code, 125);
  assert.equal((await host.run(['image', 'inspect', name])).code, 1, 'nothing was fetched');
  const pulled = await run('pull', '-q', '--insecure', name);
  assert.deepEqual([pulled.code, pulled.stderr], [0, '']);
});
