/** The host's resolvers behind a container's: silent, refusing, lying, slow, many questions at once. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { command, until } from './harness.ts';
import { NamedHost, Namespace, type Running } from './name-bed.ts';

const net = new Namespace();
const host = new NamedHost(net);
const GOOD = '127.0.53.1';
const NOBODY = '127.0.53.9';

/** A resolver that does with each question what `act` says; answers come from `reply(bytes, port, address)`. */
function resolver(address: string, act: string): Promise<unknown> {
  return net.script(`
    const socket = require('node:dgram').createSocket('udp4');
    let count = 0;
    const answer = (query, ip) => {
      const end = query.indexOf(0, 12) + 5;
      const head = Buffer.from(query.subarray(0, end));
      head.writeUInt16BE(0x8180, 2);
      head.writeUInt16BE(1, 6);
      head.writeUInt32BE(0, 8);
      return Buffer.concat([head, Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, ...ip])]);
    };
    const refuse = (query, rcode) => {
      const end = query.indexOf(0, 12) + 5;
      const head = Buffer.from(query.subarray(0, end));
      head.writeUInt16BE(0x8180 | rcode, 2);
      head.writeUInt32BE(0, 8);
      return head;
    };
    socket.on('message', (query, from) => {
      count++;
      const reply = (bytes, other) => (other ?? socket).send(bytes, from.port, from.address);
      ${act}
    });
    socket.bind(53, '${address}', () => console.log('ready'));
  `);
}

before(async () => {
  await net.dnsmasq(GOOD, '--address=/#/', '--address=/outside.test/192.0.2.7');
});

const ask = (container: Running, ...words: string[]) => host.dig(container, '+short', ...words);

test('where nobody listens, the next resolver is asked at once', async () => {
  const bird = await host.container('bird', '--dns', NOBODY, '--dns', GOOD);
  assert.equal(await ask(bird, 'outside.test'), '192.0.2.7');
  assert.equal(await ask(bird, '+tcp', 'outside.test'), '192.0.2.7');
});

test('a resolver that says nothing is given up for the next', async () => {
  await resolver('127.0.53.2', '');
  const bird = await host.container('silent', '--dns', '127.0.53.2', '--dns', GOOD);
  assert.equal(await ask(bird, 'outside.test'), '192.0.2.7');
});

test('one that fails or refuses is given up for the next; the last one’s word is handed on', async () => {
  await resolver('127.0.53.3', 'reply(refuse(query, 2));');
  await resolver('127.0.53.4', 'reply(refuse(query, 5));');
  const next = await host.container('next', '--dns', '127.0.53.3', '--dns', '127.0.53.4', '--dns', GOOD);
  assert.equal(await ask(next, 'outside.test'), '192.0.2.7');
  const last = await host.container('last', '--dns', '127.0.53.3', '--dns', '127.0.53.4');
  assert.match(await host.dig(last, 'outside.test'), /status: REFUSED/);
});

test('"no such name" is an answer, and nobody else is asked', async () => {
  await resolver('127.0.53.5', 'reply(refuse(query, 3));');
  const bird = await host.container('nxdomain', '--dns', '127.0.53.5', '--dns', GOOD);
  assert.match(await host.dig(bird, 'outside.test'), /status: NXDOMAIN/);
});

test('when none answers, the client hears of it: SERVFAIL', async () => {
  const dead = await host.container('dead', '--dns', NOBODY);
  assert.match(await host.dig(dead, 'outside.test'), /status: SERVFAIL/);
  assert.match(await host.dig(dead, '+tcp', 'outside.test'), /status: SERVFAIL/);
  const mute = await host.container('mute', '--dns', '127.0.53.2');
  assert.match(await host.dig(mute, 'outside.test'), /status: SERVFAIL/);
});

test('an answer from another address, with another id or to another question is not believed', async () => {
  const lies = `
    const forged = answer(query, [203, 0, 113, 66]);
    const other = Buffer.from(forged);
    other.writeUInt16BE(other.readUInt16BE(0) ^ 1, 0);
    const question = Buffer.from(forged);
    question[13] ^= 1;
    const stranger = require('node:dgram').createSocket('udp4');
    stranger.bind(0, '127.0.53.7', () => stranger.send(forged, from.port, from.address, () => {
      reply(other);
      reply(question);
      reply(forged.subarray(0, 7));
      reply(query);
      setTimeout(() => reply(answer(query, [192, 0, 2, 99])), 50);
    }));
  `;
  await resolver('127.0.53.6', lies);
  const bird = await host.container('lied', '--dns', '127.0.53.6');
  assert.equal(await ask(bird, 'outside.test'), '192.0.2.99');
});

test('ids and ports of questions on their way cannot be guessed', async () => {
  const tell = 'reply(answer(query, [query[0], query[1], from.port >> 8, from.port & 255]));';
  await resolver('127.0.53.8', tell);
  const bird = await host.container('random', '--dns', '127.0.53.8');
  const seen = new Set<string>();
  for (let i = 0; i < 16; i++) {
    const address = await host.dig(bird, '+short', `q${i}.test`);
    const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
    seen.add(`id ${(a << 8) | b}`);
    seen.add(`port ${(c << 8) | d}`);
  }
  assert.ok(seen.size >= 30, `${seen.size} different ones of 32`);
});

test('an answer longer than its client takes is cut', async () => {
  await resolver('127.0.53.10', 'reply(Buffer.concat([answer(query, [1, 2, 3, 4]), Buffer.alloc(900)]));');
  const bird = await host.container('long', '--dns', '127.0.53.10');
  assert.match(await host.dig(bird, '+noedns', '+ignore', 'outside.test'), /flags: qr[^;]* tc[ ;]/);
});

/** Sends datagrams in the container's network and counts what comes back. */
async function flood(container: Running, source: string): Promise<string> {
  const { stdout, stderr } = await command('nsenter', [
    '-t',
    String(container.pid),
    '--net',
    process.execPath,
    '-e',
    `const socket = require('node:dgram').createSocket('udp4'); ${source}`,
  ]);
  assert.equal(stderr, '');
  return stdout.trim();
}

test('more questions than there is room for are answered with SERVFAIL, and the resolver lives on', async () => {
  // Answers wait until the client has been refused something: before that no place becomes free.
  const heard = `${host.root}/heard`;
  await resolver(
    '127.0.53.11',
    `const last = () => require('node:fs').existsSync('${heard}') ? reply(answer(query, [192, 0, 2, 1])) : setTimeout(last, 20);
     last();`,
  );
  const bird = await host.container('many', '--dns', '127.0.53.11');
  const counted = await flood(
    bird,
    `const rcodes = [0, 0];
     socket.on('message', (m) => { rcodes[m[3] & 15 ? 1 : 0]++; if (rcodes[1] === 1) require('node:fs').writeFileSync('${heard}', ''); if (rcodes[0] + rcodes[1] === 200) { console.log(rcodes.join(' ')); socket.close(); } });
     for (let i = 0; i < 200; i++) {
       const name = Buffer.from('q' + String(i).padStart(3, '0'));
       const query = Buffer.concat([Buffer.from([i >> 8, i & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 4]), name, Buffer.from([0, 0, 1, 0, 1])]);
       socket.send(query, 53, '127.0.0.11');
     }`,
  );
  const [answered = 0, refused = 0] = counted.split(' ').map(Number);
  assert.ok(answered >= 64 && refused > 0, counted);
  assert.equal(await ask(bird, 'later.test'), '192.0.2.1');
});

test('whatever bytes it is sent, it goes on answering', async () => {
  const bird = await host.container('bytes', '--dns', GOOD);
  await flood(
    bird,
    `const { randomBytes, randomInt } = require('node:crypto');
     const good = Buffer.from('abcd01000001000000000001076f7574736964650474657374000001000100002904d0000000000000', 'hex');
     let left = 3000;
     const next = () => {
       if (left-- === 0) return socket.close();
       const bytes = left % 3 === 0 ? randomBytes(randomInt(0, 1400)) : Buffer.from(good);
       if (left % 3 === 1) bytes[randomInt(bytes.length)] = randomInt(256);
       if (left % 3 === 2) for (let i = 0; i < 4; i++) bytes[randomInt(4, bytes.length)] ^= 1 << randomInt(8);
       socket.send(bytes.subarray(0, left % 5 === 0 ? randomInt(bytes.length + 1) : bytes.length), 53, '127.0.0.11', next);
     };
     next();`,
  );
  await until('it answers', async () => (await ask(bird, 'outside.test')) === '192.0.2.7');
  const stuck = `const net = require('node:net');
    socket.close();
    let open = 40;
    for (let i = 0; i < 40; i++) {
      const c = net.connect(53, '127.0.0.11', () => c.end(Buffer.from([255, 255, i, 1, 2])));
      c.on('error', () => {});
      c.on('close', () => --open || console.log('closed'));
      c.resume();
    }`;
  assert.equal(await flood(bird, stuck), 'closed');
  assert.equal(await ask(bird, '+tcp', 'outside.test'), '192.0.2.7');
});

test('the resolver is heard at the container’s loopback only', async () => {
  const bird = await host.container('server', '--dns', GOOD);
  net.sync('ip', 'link', 'add', 'veth53', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(bird.pid));
  const inside = ['-t', String(bird.pid), '--net', 'ip'];
  await command('nsenter', [...inside, 'addr', 'add', '10.53.0.2/24', 'dev', 'eth0']);
  await command('nsenter', [...inside, 'link', 'set', 'eth0', 'up']);
  net.sync('ip', 'addr', 'add', '10.53.0.1/24', 'dev', 'veth53');
  net.sync('ip', 'link', 'set', 'veth53', 'up');
  // From outside, at its address, the resolver does not exist.
  const { stdout } = await net.run('dig', ['@10.53.0.2', '+tries=1', '+time=2', 'outside.test']);
  assert.match(stdout, /connection refused|no servers could be reached/);
});
