/** Who sends UDP without a pause: connection tracking keeps to what it decided first, unless it is made to forget it. */
import assert from 'node:assert/strict';
import { afterEach, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from './harness.ts';
import { HOST_IP, HOST_IP6, NetHost, PYTHON, Server } from './network-host.ts';

const host = new NetHost();

/** Answers every datagram with its tag. */
const ANSWER = `
import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
s.bind(('::', int(sys.argv[1])))
print('listens', flush=True)
while True: s.sendto(sys.argv[2].encode(), s.recvfrom(99)[1])
`;
/** Sends from one socket twenty times a second, and prints each answer. */
const SEND = `
import select, socket, sys
s = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
while True:
    s.sendto(b'?', (sys.argv[1], int(sys.argv[2])))
    if select.select([s], [], [], 0.05)[0]:
        try: print(s.recv(99).decode(), flush=True)
        except OSError: pass
`;

const senders: Server[] = [];
// With rules of ours there is connection tracking, from the first packet on.
before(async () => {
  await host.network('blue', { ipv6: true });
  await host.ok('run', '-d', '--name', 'idle', '--network', 'blue', 'busybox', 'sleep', '600');
});
afterEach(async () => {
  await Promise.all(senders.splice(0).map((one) => one.stop()));
  const names = (await host.ok('ps', '-a', '--format', '{{.Names}}'))
    .split('\n')
    .filter((name) => name !== 'idle');
  if (names.length > 0) await host.ok('rm', '-f', ...names);
});

function sender(namespace: string, ip: string, port: number): Server {
  const made = new Server(namespace, PYTHON, ['-c', SEND, ip, String(port)]);
  senders.push(made);
  return made;
}

/** What is answered from now on. */
async function answers(one: Server, tag: string): Promise<void> {
  one.output = '';
  await until(`${tag} answers`, () => one.output.includes(tag), 5_000);
}

/** Nothing is answered; what is on its way from before may still come. */
async function silence(one: Server): Promise<void> {
  await sleep(300);
  one.output = '';
  await sleep(700);
  assert.equal(one.output, '');
}

/** A container whose server answers with its name on port 5300. */
async function answering(name: string, ...flags: string[]): Promise<string> {
  await host.ok('run', '-d', '--name', name, '--network', 'blue', ...flags, 'busybox', 'sleep', '600');
  const server = new Server(await host.namespaceOf(name), PYTHON, ['-c', ANSWER, '5300', name]);
  await until('it listens', () => server.output.includes('listens'), 30_000);
  return host.ok('inspect', '-f', '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}', name);
}

test('who sent before a port was published reaches the container, from everywhere', async () => {
  const all = [
    sender(host.other, HOST_IP, 5353),
    sender(host.other, HOST_IP6, 5353),
    sender(host.namespace, '127.0.0.1', 5353),
    sender(host.namespace, HOST_IP6, 5353),
  ];
  const one = sender(host.other, HOST_IP, 5360);
  const further = sender(host.other, HOST_IP, 5372);
  await sleep(300);
  const ports = ['5353:5300/udp', `${HOST_IP}:5360:5300/udp`, '5370-5374:5298-5302/udp'];
  await answering('early', ...ports.flatMap((port) => ['-p', port]));
  for (const each of [...all, one, further]) await answers(each, 'early');
});

test('who goes on sending reaches nobody that has the address next', async () => {
  const [four, six] = [sender(host.other, HOST_IP, 5353), sender(host.other, HOST_IP6, 5353)];
  const ip = await answering('first', '-p', '5353:5300/udp');
  for (const each of [four, six]) await answers(each, 'first');
  await host.ok('rm', '-f', 'first');
  assert.equal(await answering('heir', '--ip', ip), ip);
  for (const each of [four, six]) await silence(each);
});

test('a port that another container has now leads to that one', async () => {
  const client = sender(host.other, HOST_IP, 5353);
  await answering('former', '-p', '5353:5300/udp');
  await answers(client, 'former');
  await host.ok('stop', '-t', '0', 'former');
  await answering('present', '-p', '5353:5300/udp');
  await answers(client, 'present');
});

test('the same for ports of a running container that come and go', async () => {
  const client = sender(host.other, HOST_IP, 5353);
  await answering('left', '-p', '5353:5300/udp', '-p', '5354:5300/udp');
  await answering('right');
  const other = sender(host.other, HOST_IP, 5354);
  for (const each of [client, other]) await answers(each, 'left');
  await host.ok('update', '--publish-rm', '5353:5300/udp', 'left');
  await silence(client);
  await host.ok('update', '--publish-add', '5353:5300/udp', 'right');
  await answers(client, 'right');
  await answers(other, 'left');
});
