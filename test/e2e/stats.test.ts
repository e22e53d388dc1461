/** `stats` and `top`: figures compared with what the kernel's own files say. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { test } from 'node:test';
import { Engine } from '../../src/engine/index.ts';
import { Host, until } from './harness.ts';
import { Terminal } from './live.ts';
import { runState } from './state.ts';

const host = new Host();
const started = (name: string, script: string, ...flags: string[]) =>
  host.ok('run', '-d', '--name', name, ...flags, 'busybox', 'sh', '-c', script);
const stats = async (...words: string[]): Promise<Array<Record<string, string>>> => {
  const text = await host.ok('stats', '--no-stream', '--format', 'json', ...words);
  return text === '' ? [] : text.split('\n').map((line) => JSON.parse(line));
};

test('a busy container takes about a core, an idle one nothing; limits and processes are the kernel’s', async () => {
  await started('busy', 'while :; do :; done', '-m', '64m');
  await started('idle', 'sleep 1000 & sleep 1000 & wait');
  await until('the idle one has its three processes', async () => (await stats('idle'))[0]?.PIDs === '3');
  const rows = await stats();
  assert.deepEqual(
    rows.map((row) => row.Name),
    ['idle', 'busy'],
    'newest first',
  );
  const [idle, busy] = rows;
  assert.ok(
    Number.parseFloat(busy?.CPUPerc ?? '') > Number.parseFloat(idle?.CPUPerc ?? '') + 1,
    busy?.CPUPerc,
  );
  assert.ok(Number.parseFloat(busy?.CPUPerc ?? '') <= 100 * cpus().length * 1.1, busy?.CPUPerc);
  assert.match(busy?.MemUsage ?? '', /^[\d.]+(B|KiB|MiB) \/ 64MiB$/);
  assert.match(
    idle?.MemUsage ?? '',
    new RegExp(`/ ${(totalmem() / 2 ** 30).toPrecision(4).replace(/0+$/, '')}`),
  );
  assert.match(busy?.MemPerc ?? '', /^\d+\.\d\d%$/);
  assert.equal(busy?.PIDs, '1');
  assert.equal(busy?.NetIO, '0B / 0B');
  assert.equal(busy?.ID?.length, 12);
  await host.ok('rm', '-f', 'busy', 'idle');
});

test('memory without the cache that can be dropped', async () => {
  const hold = 'dd if=/dev/zero of=/dev/shm/x bs=1M count=20 2>/dev/null';
  const write = 'dd if=/dev/zero of=/f bs=1M count=8 2>/dev/null; sync';
  await started('mem', `${hold}; ${write}; touch /done; sleep 1000`);
  const container = new Engine({ root: host.root }).containers.get('mem');
  await until('it has written', async () => (await container.exec(['test', '-e', '/done'])).exitCode === 0);
  const [row] = await oneRound(['mem']);
  assert.ok(row?.running);
  const mb = row.memoryBytes / 2 ** 20;
  assert.ok(mb > 20 && mb < 28, `${mb} MB: 20 of shared memory, not the 8 of the file`);
  await host.ok('rm', '-f', 'mem');
});

test('bytes written to a disk, and read back from it', async (t) => {
  const script = 'dd if=/dev/zero of=/f bs=1M count=4 oflag=direct; dd if=/f of=/dev/null bs=1M iflag=direct';
  await started('disk', `${script}; touch /done; sleep 1000`);
  const container = new Engine({ root: host.root }).containers.get('disk');
  await until('it has written', async () => (await container.exec(['test', '-e', '/done'])).exitCode === 0);
  const [row] = await oneRound(['disk']);
  await host.ok('rm', '-f', 'disk');
  const counts = /\d/.test(readFileSync(blockFile(), 'utf8').replace('Total 0', ''));
  if (!counts) return t.skip(`this kernel counts no bytes of its disks: ${blockFile()} is empty`);
  const bytes = 4 * 2 ** 20;
  assert.ok(
    row !== undefined && row.blockWriteBytes >= bytes && row.blockReadBytes >= bytes,
    JSON.stringify(row),
  );
});

/** Where the kernel counts for everybody. */
function blockFile(): string {
  const old = '/sys/fs/cgroup/blkio/blkio.throttle.io_service_bytes_recursive';
  return existsSync(old) ? old : '/sys/fs/cgroup/io.stat';
}

async function oneRound(refs: string[]) {
  for await (const rows of new Engine({ root: host.root }).containers.stats(refs, { once: true }))
    return rows;
  return [];
}

test('the columns are Docker’s, and line up; templates and tables of one’s own', async () => {
  const id = await started('cols', 'sleep 1000');
  const [head = '', row = ''] = (await host.ok('stats', '--no-stream')).split('\n');
  assert.equal(
    head.replace(/ {2,}/g, '|'),
    'CONTAINER ID|NAME|CPU %|MEM USAGE / LIMIT|MEM %|NET I/O|BLOCK I/O|PIDS',
  );
  assert.equal(row.indexOf('cols'), head.indexOf('NAME'));
  assert.match(row, /^\w{12} +cols +\d+\.\d\d% +\S+ \/ \S+ +\d+\.\d\d% +0B \/ 0B +\S+ \/ \S+ +1$/);
  assert.equal(await host.ok('stats', '--no-stream', '--no-trunc', '--format', '{{.ID}}', 'cols'), id);
  assert.equal(
    await host.ok('stats', '--no-stream', '--format', 'table {{.Container}}\t{{.PIDs}}', id.slice(0, 5)),
    `CONTAINER   PIDS\n${id.slice(0, 5)}       1`,
  );
  await host.ok('rm', '-f', 'cols');
});

test('without -a only what runs; -a and a name show the others with zeros', async () => {
  await host.ok('create', '--name', 'cold', 'busybox', 'true');
  assert.deepEqual(await stats(), []);
  assert.match(await host.ok('stats', '--no-stream'), /^CONTAINER ID[^\n]*$/);
  for (const words of [['-a'], ['cold']]) {
    const [row] = await stats(...words);
    assert.deepEqual([row?.Name, row?.CPUPerc, row?.MemUsage, row?.PIDs], ['cold', '0.00%', '0B / 0B', '0']);
  }
  await host.ok('rm', 'cold');
});

test('on a terminal it is refreshed in place until it is ended; a container that comes later shows up', async () => {
  await started('first', 'sleep 1000');
  // The shell of the terminal shall outlive Ctrl-C.
  const terminal = new Terminal(host, 'trap : INT; mydocker stats');
  await terminal.shows('first ');
  await started('second', 'sleep 1000');
  const rounds = () => terminal.screen.split('\x1b[H').slice(1);
  await until('a whole round has both', () => /second .*\r?\n.*first /.test(rounds().at(-2) ?? ''));
  terminal.send('\x03');
  await terminal.ends();
  assert.ok(terminal.screen.startsWith('\x1b[2J\x1b[H'), JSON.stringify(terminal.screen.slice(0, 40)));
  await host.ok('rm', '-f', 'first', 'second');
});

test('stats refuses what it cannot show, in one line', async () => {
  assert.match(await host.fails(1, 'stats', '--no-stream', 'nosuch'), /no such container: nosuch/);
  assert.match(await host.fails(125, 'stats', '--no-stream', '--format', '{{.Nosuch'), /format|template/i);
  assert.match(await host.fails(125, 'stats', '--no-strem'), /--no-stream/);
});

test('the library: rounds of figures, ended by a signal', async () => {
  await started('lib', 'while :; do :; done');
  const aborter = new AbortController();
  let rounds = 0;
  const watched = new Engine({ root: host.root }).containers.stats('lib', {
    intervalMs: 50,
    signal: aborter.signal,
  });
  for await (const [row] of watched) {
    assert.equal(row?.name, 'lib');
    if (++rounds === 3) aborter.abort();
  }
  assert.equal(rounds, 3);
  await host.ok('rm', '-f', 'lib');
});

test('top shows the processes of the container with the host’s numbers, those of exec too', async () => {
  const id = await started('tops', 'sleep 1001 & exec sleep 1002');
  await host.ok('exec', '-d', '-u', '1234', 'tops', 'sleep', '1003');
  const top = async () => (await host.ok('top', 'tops')).split('\n');
  await until('all three are there', async () => (await top()).length === 4);
  const [head = '', ...rows] = await top();
  assert.deepEqual(head.split(/\s+/), ['UID', 'PID', 'PPID', 'C', 'STIME', 'TTY', 'TIME', 'CMD']);
  const fields = rows.map((row) => row.split(/\s+/));
  const { pid, monitorPid } = runState(host.root, id);
  const first = fields.find((field) => field[1] === String(pid));
  assert.deepEqual(
    [first?.[0], first?.[2], first?.slice(7).join(' ')],
    ['root', String(monitorPid), 'sleep 1002'],
  );
  assert.deepEqual(fields.map((field) => field[8]).sort(), ['1001', '1002', '1003']);
  assert.equal(fields.find((field) => field[8] === '1003')?.[0], '1234');
  for (const field of fields)
    assert.match(readFileSync(`/proc/${field[1]}/cgroup`, 'utf8'), new RegExp(id), 'of its cgroup');
  await host.ok('pause', 'tops');
  assert.equal((await top()).length, 4, 'of a paused one too');
  await host.ok('rm', '-f', 'tops');
});

test('top with ps options asks the host’s ps, and says what that says', async () => {
  await host.ok('run', '-d', '--name', 'opts', 'busybox', 'sleep', '1004');
  assert.match(await host.ok('top', 'opts', '-eo', 'pid,args'), /^PID +COMMAND\n\d+ +sleep 1004$/);
  assert.match(await host.ok('top', 'opts', 'aux'), /^USER .*COMMAND\nroot .* sleep 1004$/);
  assert.match(
    await host.fails(1, 'top', 'opts', '--nosuch'),
    /cannot show the processes of opts: ps: .*unknown/,
  );
  assert.match(await host.fails(1, 'top', 'opts', '-eo', 'args'), /no PID column/);
  const bare = await host.run(['top', 'opts', '-ef'], { env: { PATH: '/nonexistent' } });
  assert.equal(bare.code, 1);
  assert.match(bare.stderr, /^mydocker: .*this host has no ps\(1\); .*\n$/);
  await host.ok('stop', '-t', '0', 'opts');
  assert.match(await host.fails(1, 'top', 'opts'), /the container is not running/);
  assert.match(await host.fails(1, 'top', 'nosuch'), /no such container/);
  assert.match(await host.fails(125, 'top'), /needs at least 1 argument/);
  await host.ok('rm', 'opts');
});

test('top agrees with the host’s own ps -ef', async () => {
  const id = await host.ok('run', '-d', '--name', 'same', 'busybox', 'sleep', '1005');
  const { pid } = runState(host.root, id);
  const theirs = execFileSync('ps', ['-f', '-p', String(pid)], { encoding: 'utf8' })
    .trim()
    .split('\n');
  const ours = (await host.ok('top', 'same')).split('\n');
  // All but C, its share of a processor, which is another a moment later.
  const cells = (line = '') =>
    line
      .trim()
      .split(/\s+/)
      .filter((_, i) => i !== 3);
  assert.deepEqual(ours.map(cells), theirs.map(cells));
  await host.ok('rm', '-f', 'same');
});
