import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exposedPorts, portBindings } from './docker-network.ts';

const PUBLISH = [
  { protocol: 'tcp', hostIp: '127.0.0.1', hostPort: 8080, containerPort: 80, count: 2 },
  { protocol: 'udp', hostIp: '', containerPort: 53, count: 1 },
  { protocol: 'udp', hostIp: '', hostPort: 5353, containerPort: 53, count: 1 },
] as const;

test('portBindings(): each port by itself; none of the host where it is chosen', () => {
  assert.deepEqual(portBindings(PUBLISH), {
    '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '8080' }],
    '81/tcp': [{ HostIp: '127.0.0.1', HostPort: '8081' }],
    '53/udp': [
      { HostIp: '', HostPort: '' },
      { HostIp: '', HostPort: '5353' },
    ],
  });
});

test('exposedPorts(): ranges port by port, what is published too; what an image says that is none, as it is', () => {
  assert.equal(exposedPorts([], []), null);
  assert.deepEqual(Object.keys(exposedPorts(['7', '8000-8002/tcp', '9/sctp'], PUBLISH) ?? {}), [
    ...['7/tcp', '8000/tcp', '8001/tcp', '8002/tcp', '9/sctp'],
    ...['80/tcp', '81/tcp', '53/udp'],
  ]);
  for (const odd of ['1-90000000/tcp', '1-65536', 'http', ''])
    assert.deepEqual(exposedPorts([odd], []), { [odd]: {} });
});
