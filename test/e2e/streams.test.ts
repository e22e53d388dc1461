/** Streams and signals at their edges: closed pipes, big outputs, attach, background runs, early signals. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { command, EXECUTABLE, Host, leftovers, until } from './harness.ts';
import { Live } from './live.ts';

const host = new Host();
/** As /v in a container: word from outside. One by `exec` may end by SIGKILL, when it ends process 1 with it. */
const directory = mkdtempSync('/var/tmp/mydocker-files-');
after(() => rmSync(directory, { recursive: true }));
const shell = (line: string) =>
  command('sh', ['-c', line], { env: { MYDOCKER_ROOT: host.root, M: EXECUTABLE } });

test('run | head: a reader that goes away ends the program, as a broken pipe does', async () => {
  const start = Date.now();
  const { stdout } = await shell('timeout -s KILL 5 "$M" run --name pipe busybox yes | head -n 2');
  const ms = Date.now() - start;
  const running = await host.ok('inspect', '-f', '{{.State.Running}}', 'pipe');
  await host.ok('rm', '-f', 'pipe');
  assert.equal(stdout, 'y\ny\n');
  assert.deepEqual([ms < 4000, running], [true, 'false']);
});

test('run passes 20 MB of output through whole, to a slow reader too', async () => {
  const { stdout } = await shell('"$M" run --rm busybox head -c 20000000 /dev/zero | (sleep 0.5; wc -c)');
  assert.equal(stdout.trim(), '20000000');
});

test('run with standard input from a file, and output to a file', async () => {
  const { stdout } = await shell(
    'printf "b\\na\\n" > in.$$; "$M" run --rm -i busybox sort < in.$$ > out.$$; cat out.$$; rm in.$$ out.$$',
  );
  assert.equal(stdout, 'a\nb\n');
});

test('run with closed standard descriptors works', async () => {
  const { code } = await shell('"$M" run --rm busybox true <&- >&- 2>&-');
  assert.equal(code, 0);
  const { stdout } = await shell('"$M" run --rm busybox echo kept <&- 2>&-');
  assert.equal(stdout, 'kept\n');
});

test('a loop that reads lines keeps its input: run without -i does not eat it', async () => {
  const { stdout } = await shell(
    'printf "1\\n2\\n3\\n" | while read n; do "$M" run --rm busybox echo $n; done',
  );
  assert.equal(stdout, '1\n2\n3\n');
});

test('run -d --rm: the container goes away by itself when it ends', async () => {
  const script = 'until [ -e /v/end ]; do sleep 0.05; done';
  const id = await host.ok('run', '-d', '--rm', '-v', `${directory}:/v`, 'busybox', 'sh', '-c', script);
  assert.equal(await host.ok('inspect', '-f', '{{.State.Running}}', id), 'true');
  writeFileSync(`${directory}/end`, '');
  await until('nothing is left', () => leftovers(host.root).length === 0);
  assert.equal((await host.run(['inspect', id])).code, 1);
});

test('stop and rm -f of a run -d --rm leave nothing and do not fail', async () => {
  for (const verb of [['stop'], ['kill'], ['rm', '-f']]) {
    const id = await host.ok('run', '-d', '--rm', 'busybox', 'sleep', '1000');
    await host.ok(...verb, id);
    await until(`nothing is left after ${verb.join(' ')}`, () => leftovers(host.root).length === 0);
  }
});

test('attach without a terminal: output and input of a running container, its exit code', async () => {
  await host.ok(
    'run',
    '-d',
    '-i',
    '--name',
    'talker',
    'busybox',
    'sh',
    '-c',
    'read x; echo "got $x"; read y; exit 7',
  );
  const live = new Live(host, 'attach', 'talker');
  live.child.stdin?.write('hello\n');
  await live.says('got hello');
  live.child.stdin?.write('end\n');
  assert.equal(await live.code, 7);
  assert.match(await host.fails(1, 'attach', 'talker'), /not running/);
  await host.ok('rm', 'talker');
});

test('two clients see the same output; one that leaves does not disturb the other', async () => {
  const say = (word: string, file: string): string =>
    `until [ -e ${file} ]; do echo ${word}; sleep 0.05; done`;
  const script = `${say('early', '/v/go')}; ${say('both', '/v/over')}; echo one; exit 3`;
  await host.ok('run', '-d', '--name', 'shared', '-v', `${directory}:/v`, 'busybox', 'sh', '-c', script);
  const clients = [new Live(host, 'attach', 'shared'), new Live(host, 'attach', 'shared')] as const;
  for (const client of clients) await client.says('early');
  writeFileSync(`${directory}/go`, '');
  for (const client of clients) await client.says('both');
  clients[0].child.kill('SIGKILL');
  await clients[0].code;
  writeFileSync(`${directory}/over`, '');
  assert.equal(await clients[1].code, 3);
  assert.match(clients[1].stdout, /^(early\n)+(both\n)+one\n$/);
  await host.ok('rm', 'shared');
});

test('a signal that comes while the container starts is not lost', async () => {
  for (const delayMs of [0, 15, 30, 45, 60]) {
    const live = new Live(host, 'run', '--rm', '--init', 'busybox', 'sleep', '20');
    await sleep(delayMs);
    live.child.kill('SIGTERM');
    const code = await live.code;
    assert.ok(code === 143, `after ${delayMs} ms: ${code} ${live.stderr}`);
  }
  await until('nothing is left', async () => {
    await host.ok('ps');
    return leftovers(host.root).length === 0;
  });
});

test('Ctrl-C in a pipe-less foreground run: SIGINT reaches the program', async () => {
  const script = 'trap "echo int; exit 9" INT; echo ready; while :; do sleep 0.05; done';
  const live = new Live(host, 'run', '--rm', 'busybox', 'sh', '-c', script);
  await live.says('ready');
  live.child.kill('SIGINT');
  assert.equal(await live.code, 9);
});

test('a program whose child keeps the pipe open: run ends with the program, not with the child', async () => {
  const start = Date.now();
  const result = await host.run(['run', '--rm', 'busybox', 'sh', '-c', 'sleep 30 & echo over; exit 4']);
  assert.deepEqual([result.code, result.stdout], [4, 'over\n']);
  assert.ok(Date.now() - start < 5000);
});

test('thirty runs at once: each has its own output and code', async () => {
  const runs = Array.from({ length: 30 }, (_, n) =>
    host.run(['run', '--rm', 'busybox', 'sh', '-c', `echo ${n}; exit ${n}`]),
  );
  const results = await Promise.all(runs);
  assert.deepEqual(
    results.map(({ code, stdout, stderr }) => `${code} ${stdout.trim()} ${stderr}`),
    results.map((_, n) => `${n} ${n} `),
  );
  assert.deepEqual(leftovers(host.root), []);
});

test('stop and rm -f of a paused container work: it is thawed first', async () => {
  const id = await host.ok('run', '-d', '--name', 'cold', 'busybox', 'sleep', '1000');
  const { code } = await shell(
    `f=/sys/fs/cgroup/freezer/mydocker/${id}/freezer.state; if [ -e $f ]; then echo FROZEN > $f; else echo 1 > /sys/fs/cgroup/mydocker/${id}/cgroup.freeze; fi`,
  );
  assert.equal(code, 0);
  const start = Date.now();
  await host.ok('rm', '-f', 'cold');
  assert.ok(Date.now() - start < 8000);
  assert.deepEqual(leftovers(host.root), []);
});
