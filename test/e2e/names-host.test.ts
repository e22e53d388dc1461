/** The host's own resolvers, from its /etc/resolv.conf: on IPv4, on IPv6, and a stub on its loopback like systemd-resolved's. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { EXECUTABLE, Host, type Result } from './harness.ts';
import { Namespace } from './name-bed.ts';

const host = new Host();
const namespace = new Namespace();
after(() => namespace.close());

const RUN = 'mount --bind "$1" /etc/resolv.conf; shift; exec "$@"';

/** A command on a host with this /etc/resolv.conf. */
function onHost(resolvConf: string, ...words: string[]): Promise<Result> {
  const file = `${host.root}/resolv.conf`;
  writeFileSync(file, resolvConf);
  return namespace.run('unshare', ['--mount', 'sh', '-c', RUN, 'sh', file, EXECUTABLE, ...words], {
    env: { PATH: process.env.PATH ?? '', MYDOCKER_ROOT: host.root },
  });
}

/** What a container finds that is told of no resolver. */
async function found(resolvConf: string): Promise<string> {
  const words = ['run', '--rm', '--network', 'bridge', 'busybox', 'nslookup', 'outside.test'];
  // nslookup asks for AAAA as well, which dnsmasq refuses here.
  const { stdout, stderr } = await onHost(resolvConf, ...words);
  return /^Address: (192\.0\.2\.\d+)$/m.exec(stdout)?.[1] ?? stdout + stderr;
}

test('a container without --dns asks those of the host, from the host', async () => {
  await host.ok('run', '--rm', 'busybox', 'true');
  namespace.sync('ip', 'addr', 'add', 'fd53::1/128', 'dev', 'lo', 'nodad');
  namespace.sync('ip', 'addr', 'add', '198.51.100.53/32', 'dev', 'lo');
  await namespace.dnsmasq('127.0.0.53', '--address=/outside.test/192.0.2.77');
  await namespace.dnsmasq('fd53::1', '--address=/outside.test/192.0.2.78');
  await namespace.dnsmasq('198.51.100.53', '--address=/outside.test/192.0.2.79');
  assert.equal(await found('nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch .\n'), '192.0.2.77');
  assert.equal(await found('# first\nnameserver fd53::1\n'), '192.0.2.78');
  assert.equal(await found('nameserver 198.51.100.53\nnameserver fd53::1\n'), '192.0.2.79');
});

test('a name of a container is asked for as it is, before the host’s search domain is put behind it', async () => {
  await namespace.dnsmasq('127.0.0.54', '--address=/corp.example/192.0.2.66');
  const conf = 'nameserver 127.0.0.54\nsearch corp.example\n';
  const ok = async (...words: string[]): Promise<string> => {
    const { code, stdout, stderr } = await onHost(conf, ...words);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  await ok('network', 'create', 'nest');
  await ok('run', '-d', '--name', 'web', '--network', 'nest', 'busybox', 'sleep', '600');
  const pinged = async (name: string, ...flags: string[]): Promise<string> =>
    /\(([0-9.]+)\)/.exec(
      (await onHost(conf, 'run', '--rm', ...flags, 'busybox', 'ping', '-c1', '-W1', name)).stdout,
    )?.[1] ?? '';
  assert.match(await pinged('web', '--network', 'nest'), /^10\.208\./);
  assert.match(await pinged('web', '--network', 'bridge', '--network', 'nest'), /^10\.208\./);
  assert.equal(await pinged('other', '--network', 'nest'), '192.0.2.66', 'the domain is tried after it');
  assert.equal(await pinged('other', '--network', 'bridge'), '192.0.2.66');
  assert.equal(
    await pinged('web', '--network', 'nest', '--dns-option', 'ndots:1'),
    '192.0.2.66',
    'as asked for',
  );
  assert.equal(await pinged('web', '--network', 'bridge'), '192.0.2.66', 'a network without names');
  await ok('rm', '-f', 'web');
});
