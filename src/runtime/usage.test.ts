import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blockBytes, hostCpu, keyed, networkBytes } from './usage.ts';

test('keyed() finds a word at the beginning of a line only', () => {
  const text = 'total_inactive_file 7\ninactive_file 4096\nusage_usec 12\n';
  assert.equal(keyed(text, 'inactive_file'), 4096);
  assert.equal(keyed(text, 'total_inactive_file'), 7);
  assert.equal(keyed(text, 'usage_usec'), 12);
  assert.equal(keyed(text, 'file'), 0);
  assert.equal(keyed('', 'file'), 0);
});

test('blockBytes() adds up devices, of v1 and of v2', () => {
  const v1 =
    '8:0 Read 4096\n8:0 Write 512\n8:0 Sync 1\n8:0 Total 4608\n8:16 Read 4\n8:16 Write 2\nTotal 4614\n';
  assert.deepEqual(blockBytes(v1), { read: 4100, write: 514 });
  const v2 =
    '8:0 rbytes=4096 wbytes=512 rios=1 wios=2 dbytes=9 dios=1\n254:0 rbytes=4 wbytes=2 rios=1 wios=1\n';
  assert.deepEqual(blockBytes(v2), { read: 4100, write: 514 });
  assert.deepEqual(blockBytes('254:0 \n'), { read: 0, write: 0 });
});

test('hostCpu() adds up seven fields and counts the CPUs that are on', () => {
  const text = 'cpu  10 0 5 80 3 1 1 99 7 7\ncpu0 1 0 0 0\ncpu1 1 0 0 0\nintr 5\n';
  assert.deepEqual(hostCpu(text), { ns: 100 * 1e7, cpus: 2 });
});

test('networkBytes() leaves loopback out', () => {
  const text = [
    'Inter-|   Receive                                                |  Transmit',
    ' face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls',
    '    lo:     500       5    0    0    0     0          0         0      500       5    0    0    0     0',
    '  eth0:    1000      10    0    0    0     0          0         0       70       2    0    0    0     0',
    'eth1:1 1 0 0 0 0 0 0 2 1 0 0 0 0',
  ].join('\n');
  assert.deepEqual(networkBytes(text), { rx: 1001, tx: 72 });
});
