/** The host's own resolvers, from its /etc/resolv.conf: on IPv4, on IPv6, and a stub on its loopback like systemd-resolved's. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { EXECUTABLE, Host } from './harness.ts';
import { Namespace } from './name-bed.ts';

const host = new Host();
const namespace = new Namespace();
after(() => namespace.close());

const RUN = 'mount --bind "$1" /etc/resolv.conf; shift; exec "$@"';

/** What a container finds that is told of no resolver, on a host with this /etc/resolv.conf. */
async function found(resolvConf: string): Promise<string> {
  const file = `${host.root}/resolv.conf`;
  writeFileSync(file, resolvConf);
  const words = ['run', '--rm', '--network', 'bridge', 'busybox', 'nslookup', 'outside.test'];
  // nslookup asks for AAAA as well, which dnsmasq refuses here.
  const { stdout, stderr } = await namespace.run(
    'unshare',
    ['--mount', 'sh', '-c', RUN, 'sh', file, EXECUTABLE, ...words],
    { env: { PATH: process.env.PATH ?? '', MYDOCKER_ROOT: host.root } },
  );
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
