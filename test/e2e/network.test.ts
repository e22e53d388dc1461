/** The default network: the way out, and published ports from every side. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from './harness.ts';
import { HOST_IP, NetHost, OTHER_IP, Server, UDP_ASK, UDP_ECHO, WGET, webServer } from './network-host.ts';

const host = new NetHost();

const isUp = (container: string, port: number) =>
  until(`${container} listens on ${port}`, async () =>
    (await host.within(container, 'ss', '-Htln', `sport = :${port}`)).stdout.includes('LISTEN'),
  );

test('a container has an address of the default network, pings another host through NAT and the host itself', async () => {
  const text = await host.ok('run', '--rm', 'busybox', 'ip', '-o', '-4', 'addr', 'show', 'eth0');
  assert.match(text, /eth0 +inet 10\.208\.0\.2\/22/);
  await host.ok('run', '--rm', 'busybox', 'ping', '-c1', '-W5', OTHER_IP);
  await host.ok('run', '--rm', 'busybox', 'ping', '-c1', '-W5', HOST_IP);
  await host.ok('run', '--rm', 'busybox', 'ping', '-c1', '-W5', '10.208.0.1');
});

test('TCP and UDP to another host come from the host’s address', async () => {
  const script = `
import http.server
class Who(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.client_address[0].encode())
http.server.ThreadingHTTPServer(('${OTHER_IP}', 8000), Who).serve_forever()`;
  const web = new Server(host.other, 'python3', ['-c', script]);
  await until('the server listens', async () => (await host.outside('ss', '-Htln')).stdout.includes(':8000'));
  assert.equal(await host.ok('run', '--rm', 'busybox', 'wget', '-qO-', `http://${OTHER_IP}:8000/`), HOST_IP);
  await web.stop();
  const echo = new Server(host.other, 'python3', ['-c', UDP_ECHO, '9000']);
  await until('the echo is ready', () => echo.output.includes('ready'));
  await host.ok('run', '-d', '--name', 'asker', 'busybox', 'sleep', '600');
  const answer = await host.within('asker', 'python3', '-c', UDP_ASK, OTHER_IP, '9000', 'hello');
  assert.equal(answer.stdout.trim(), `hello from ${HOST_IP}`);
  await echo.stop();
  await host.ok('rm', '-f', 'asker');
});

test('-p: a port is reached from another host, from the host’s addresses, from 127.0.0.1 and from containers, also its own', async () => {
  await host.ok(
    'run',
    '-d',
    '--name',
    'web',
    '-p',
    '8080:80',
    '-p',
    '127.0.0.1:8081:80',
    'busybox',
    ...webServer('found'),
  );
  await isUp('web', 80);
  const get = (port: number, ip: string): string[] => [...WGET, `http://${ip}:${port}/`];
  const from = async (result: Promise<{ stdout: string }>) => (await result).stdout.trim();
  const [wget, ...args] = get(8080, HOST_IP);
  assert.equal(await from(host.outside(wget ?? '', ...args)), 'found', 'another host');
  for (const ip of [HOST_IP, '127.0.0.1', '10.208.0.1'])
    assert.equal(await from(host.inside(wget ?? '', ...get(8080, ip).slice(1))), 'found', `the host, ${ip}`);
  assert.equal(await from(host.inside(wget ?? '', ...get(8081, '127.0.0.1').slice(1))), 'found');
  const client = ['timeout', '5', 'wget', '-qO-', `http://${HOST_IP}:8080/`];
  assert.equal(await host.ok('run', '--rm', 'busybox', ...client), 'found', 'another container');
  assert.equal(await host.ok('exec', 'web', ...client), 'found', 'the container itself');
  // One address only: not the host's others.
  const refused = ['--tries=1', '-T2', '-qO-', `http://${HOST_IP}:8081/`];
  assert.notEqual((await host.outside('wget', ...refused)).code, 0);
  assert.notEqual((await host.inside('wget', ...refused)).code, 0);
  const log = await host.run(['logs', 'web']);
  assert.match(
    log.stderr,
    new RegExp(`:${OTHER_IP.replaceAll('.', '\\.')}\\]:\\d+: url:/`),
    'the real client address',
  );
  const ps = await host.ok('ps', '--format', '{{.IP}} {{.Ports}}');
  assert.equal(ps, '10.208.0.2 0.0.0.0:8080->80/tcp, 127.0.0.1:8081->80/tcp');
  await host.ok('rm', '-f', 'web');
  assert.notEqual((await host.outside('wget', '-T2', '-t1', '-qO-', `http://${HOST_IP}:8080/`)).code, 0);
});

test('-p …/udp: datagrams come with the client’s address, answers from the port that was asked', async () => {
  await host.ok('run', '-d', '--name', 'echo', '-p', '5300:5353/udp', 'busybox', 'sleep', '600');
  const echo = new Server(await host.namespaceOf('echo'), 'python3', ['-c', UDP_ECHO, '5353']);
  await until('the echo is ready', () => echo.output.includes('ready'));
  const ask = async (result: Promise<{ stdout: string }>) => (await result).stdout.trim();
  assert.equal(await ask(host.outside('python3', '-c', UDP_ASK, HOST_IP, '5300', 'a')), `a from ${OTHER_IP}`);
  assert.equal(await ask(host.inside('python3', '-c', UDP_ASK, HOST_IP, '5300', 'b')), `b from ${HOST_IP}`);
  assert.equal(
    await ask(host.inside('python3', '-c', UDP_ASK, '127.0.0.1', '5300', 'c')),
    'c from 10.208.0.1',
  );
  await host.ok('run', '-d', '--name', 'asker', 'busybox', 'sleep', '600');
  assert.match(
    await ask(host.within('asker', 'python3', '-c', UDP_ASK, HOST_IP, '5300', 'd')),
    /^d from 10\.208\.0\./,
  );
  await echo.stop();
  await host.ok('rm', '-f', 'echo', 'asker');
});

test('a start without a published port changes nothing in nftables', async () => {
  await host.ok('run', '--rm', 'busybox', 'true');
  const generation = async () => (await host.inside('nft', '-a', '-s', 'list', 'ruleset')).stdout;
  const before = await generation();
  assert.ok(before.includes('chain postrouting'));
  await host.ok('run', '-d', '--name', 'quiet', 'busybox', 'sleep', '600');
  assert.equal(await generation(), before);
  await host.ok('rm', '-f', 'quiet');
});
