/** Names inside a container: the resolver in its monitor, asked by every kind of client. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { addName, muslLookup, NamedHost, Namespace, type Running } from './name-bed.ts';

const net = new Namespace();
const host = new NamedHost(net);
const directory = mkdtempSync('/var/tmp/mydocker-lookup-');
after(() => rmSync(directory, { recursive: true, force: true }));

const UPSTREAM = '127.0.53.1';
const UPSTREAM6 = 'fd53::1';
let bird: Running;
let nest: string;

before(async () => {
  net.sync('ip', 'addr', 'add', `${UPSTREAM6}/128`, 'dev', 'lo');
  const names = ['--address=/outside.test/192.0.2.7', '--address=/outside.test/2001:db8::7'];
  const many = Array.from({ length: 60 }, (_, i) => `--host-record=many.test,192.0.2.${i + 1}`);
  const long = `--txt-record=long.test,${['a', 'b', 'c', 'd', 'e', 'f'].map((c) => c.repeat(250)).join(',')}`;
  for (const address of [UPSTREAM, UPSTREAM6])
    await net.dnsmasq(address, '--address=/#/', ...names, ...many, long);
  const lookup = muslLookup(directory);
  bird = await host.container('bird', '--dns', UPSTREAM, '-v', `${lookup}:/lookup:ro`);
  nest = host.connect(bird, 'nest');
  addName(nest, 'web', 'c1', '172.20.0.2 fd00::2');
  addName(nest, 'four', 'c2', '172.20.0.4');
  symlinkSync('c1 web', `${nest}/addresses/172.20.0.2`);
  symlinkSync('c1 web', `${nest}/addresses/fd00::2`);
});

const lines = (text: string): string[] => text.trim().split('\n').sort();

/** Every client there is, each for the addresses of a name. */
const CLIENTS: ReadonlyArray<readonly [client: string, ask: (name: string) => Promise<string[]>]> = [
  [
    'busybox nslookup',
    async (name) => {
      const { stdout } = await host.run(['exec', 'bird', 'nslookup', name]);
      const answer = stdout.slice(stdout.indexOf('Name:'));
      return [
        ...new Set([...answer.matchAll(/^Address: (\S+)$/gm)].map(([, address = '']) => address)),
      ].sort();
    },
  ],
  ['getaddrinfo of musl', async (name) => lines((await host.run(['exec', 'bird', '/lookup', name])).stdout)],
  [
    'getaddrinfo of glibc',
    async (name) => {
      const { stdout } = await host.beside(bird, 'getent', 'ahosts', name);
      return [...new Set(lines(stdout).map((line) => line.split(' ')[0] ?? ''))];
    },
  ],
  [
    "Node's c-ares",
    async (name) => {
      const source = `const { resolve4, resolve6 } = require('node:dns').promises;
        Promise.all([resolve4, resolve6].map((ask) => ask('${name}').catch(() => [])))
          .then((lists) => console.log(lists.flat().join('\\n')));`;
      return lines((await host.beside(bird, process.execPath, '-e', source)).stdout);
    },
  ],
  ['dig', async (name) => lines(await host.dig(bird, '+short', name, 'A', name, 'AAAA'))],
];

for (const [client, ask] of CLIENTS) {
  test(`${client} finds containers and the world`, async () => {
    assert.deepEqual(await ask('web'), ['172.20.0.2', 'fd00::2']);
    assert.deepEqual(await ask('four'), ['172.20.0.4'], 'IPv4 only: no error for the other question');
    assert.deepEqual(await ask('web.nest'), ['172.20.0.2', 'fd00::2'], 'with the name of its network');
    assert.deepEqual(await ask('outside.test'), ['192.0.2.7', '2001:db8::7']);
  });
}

test('its resolv.conf names the resolver, and search domains and options as asked for', async () => {
  assert.match(await host.ok('exec', 'bird', 'cat', '/etc/resolv.conf'), /^nameserver 127\.0\.0\.11$/m);
  const flags = ['--dns', UPSTREAM, '--dns-search', 'test', '--dns-option', 'ndots:2'];
  const text = await host.ok('run', '--rm', ...flags, 'busybox', 'cat', '/etc/resolv.conf');
  assert.equal(text, 'nameserver 127.0.0.11\nsearch test\noptions ndots:2');
  const found = await host.ok('run', '--rm', ...flags, 'busybox', 'nslookup', 'outside');
  assert.match(found, /192\.0\.2\.7/);
});

test('a name is there when its link is, and gone with it; upper and lower case are the same', async () => {
  assert.match(await host.dig(bird, 'late'), /status: NXDOMAIN/);
  addName(nest, 'late', 'c3', '172.20.0.9');
  assert.equal(await host.dig(bird, '+short', 'LaTe'), '172.20.0.9');
  rmSync(`${nest}/names/late/c3`);
  assert.match(await host.dig(bird, 'late'), /status: NXDOMAIN/, 'an empty directory is no name');
});

test('containers that share a name are all answered, each the first one in turn', async () => {
  for (const n of [1, 2, 3]) addName(nest, 'pool', `p${n}`, `172.20.1.${n} fd00::1:${n}`);
  const firsts = new Set<string>();
  for (let i = 0; i < 3; i++) {
    const answer = (await host.dig(bird, '+short', 'pool')).split('\n');
    assert.deepEqual([...answer].sort(), ['172.20.1.1', '172.20.1.2', '172.20.1.3']);
    firsts.add(answer[0] ?? '');
  }
  assert.equal(firsts.size, 3);
});

test('a network connected while it runs is looked in at once', async () => {
  const other = host.connect(bird, 'other');
  addName(other, 'db', 'c4', '172.21.0.2');
  assert.equal(await host.dig(bird, '+short', 'db'), '172.21.0.2');
  assert.equal(await host.dig(bird, '+short', 'db.other'), '172.21.0.2');
  assert.match(await host.dig(bird, 'db.nest'), /status: NXDOMAIN/);
  rmSync(`${host.root}/run/${bird.id}/networks/other`);
  assert.match(await host.dig(bird, 'db'), /status: NXDOMAIN/);
});

test('an address is answered with its name, both kinds', async () => {
  assert.equal(await host.dig(bird, '+short', '-x', '172.20.0.2'), 'web.');
  assert.equal(await host.dig(bird, '+short', '-x', 'fd00::2'), 'web.');
  assert.equal(await host.dig(bird, '+short', '-x', '127.0.0.1'), 'localhost.');
});

test('localhost is this container, whatever a resolver says', async () => {
  assert.equal(await host.dig(bird, '+short', 'localhost'), '127.0.0.1');
  assert.equal(await host.dig(bird, '+short', 'any.localhost', 'AAAA'), '::1');
  assert.match(await host.dig(bird, 'localhost', 'MX'), /status: NOERROR.*\n.*ANSWER: 0/);
});

test('a known name has an empty answer for records it has not, never "no such name"', async () => {
  for (const type of ['AAAA', 'MX', 'TXT', 'HTTPS'])
    assert.match(await host.dig(bird, 'four', type), /status: NOERROR.*\n.*ANSWER: 0/, type);
});

test('what fits no datagram is truncated, and whole by TCP', async () => {
  const cut = await host.dig(bird, '+noedns', '+ignore', 'many.test');
  assert.match(cut, /flags: qr[^;]* tc[ ;]/);
  assert.equal((await host.dig(bird, '+noedns', '+short', 'many.test')).split('\n').length, 60);
  assert.equal((await host.dig(bird, '+tcp', '+short', 'many.test')).split('\n').length, 60);
  assert.match(await host.dig(bird, '+short', 'long.test', 'TXT'), /f{250}/);
  for (let i = 0; i < 300; i++)
    addName(nest, 'crowd', `x${i}`, `172.22.${i >> 8}.${i & 255} fd00::2:${i.toString(16)}`);
  assert.equal((await host.dig(bird, '+short', 'crowd')).split('\n').length, 300);
  assert.equal((await host.dig(bird, '+short', 'crowd', 'AAAA')).split('\n').length, 300);
  const some = await host.dig(bird, '+noedns', '+ignore', 'crowd');
  assert.match(some, /flags: qr[^;]* tc[ ;]/);
  assert.match(some, /ANSWER: [1-9]/, 'as many as fit, for clients that know no TCP');
});

test('EDNS is passed on, and answered with EDNS; another version of it is not', async () => {
  assert.match(await host.dig(bird, '+bufsize=1232', 'outside.test'), /EDNS: version: 0/);
  assert.match(await host.dig(bird, 'web'), /EDNS: version: 0/);
  assert.match(await host.dig(bird, '+edns=1', '+noednsnegotiation', 'web'), /status: BADVERS/);
  assert.doesNotMatch(await host.dig(bird, '+noedns', 'web'), /EDNS/);
});

test('several questions on one connection are all answered', async () => {
  const names = ['web', 'outside.test', 'four', 'many.test', 'web'];
  const text = await host.dig(bird, '+tcp', '+keepopen', '+short', ...names.flatMap((name) => [name, 'A']));
  const all = text.split('\n');
  assert.equal(all.filter((line) => line === '172.20.0.2').length, 2);
  assert.ok(all.includes('192.0.2.7') && all.includes('172.20.0.4') && all.includes('192.0.2.60'));
});

test('resolvers with IPv6 addresses are asked too', async () => {
  const six = await host.container('six', '--dns', UPSTREAM6);
  assert.equal(await host.dig(six, '+short', 'outside.test'), '192.0.2.7');
  assert.equal((await host.dig(six, '+tcp', '+short', 'many.test')).split('\n').length, 60);
});

test('the monitor of a container that never asks stays below 100 kB', { skip: isSanitized() }, async () => {
  const quiet = await host.container('quiet', '--dns', UPSTREAM);
  const kb = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${quiet.monitorPid}/smaps_rollup`, 'utf8'))?.[1];
  assert.ok(Number(kb) <= 100, `${kb} kB`);
});

function isSanitized(): string | false {
  const sanitized = process.env.MYDOCKER_TEST_EXECUTABLE?.includes('sanitize') === true;
  return sanitized && 'a shim with sanitizers needs more';
}

test('what is no resolver, domain or option is refused in words', async () => {
  assert.match(
    await host.fails(125, 'run', '--dns', 'dns.example', 'busybox', 'true'),
    /--dns "dns\.example" is no address/,
  );
  assert.match(
    await host.fails(125, 'run', '--dns-search', 'a b', 'busybox', 'true'),
    /--dns-search "a b" is no domain/,
  );
  assert.match(
    await host.fails(125, 'run', '--dns-option', 'x y', 'busybox', 'true'),
    /--dns-option "x y" is no option/,
  );
  const seven = Array.from({ length: 7 }, (_, i) => ['--dns', `127.0.53.${i + 1}`]).flat();
  assert.match(await host.fails(125, 'run', ...seven, 'busybox', 'true'), /6 resolvers are the most/);
});
