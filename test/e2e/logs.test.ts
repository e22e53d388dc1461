/** `logs`: what was written, on its own stream, with rotation and following. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { Host, until } from './harness.ts';
import { Live } from './live.ts';

const host = new Host();
/** As /v in a container: word from outside. One by `exec` may end by SIGKILL, when it ends process 1 with it. */
const outside = mkdtempSync('/var/tmp/mydocker-files-');
after(() => rmSync(outside, { recursive: true }));

async function ended(name: string, script: string, ...options: string[]): Promise<void> {
  await host.ok('run', '-d', '--name', name, ...options, 'busybox', 'sh', '-c', script);
  await host.ok('wait', name);
}

test('logs keeps stdout and stderr apart', async () => {
  await ended('both', 'echo out1; echo err1 >&2; sleep 0.05; echo out2; printf "no end"');
  const result = await host.run(['logs', 'both']);
  assert.deepEqual(result, { code: 0, stdout: 'out1\nout2\nno end', stderr: 'err1\n' });
});

test('logs --tail N: the last N entries; 0 none; all everything', async () => {
  await ended('count', 'for i in $(seq 1 200); do echo $i; done');
  assert.equal(await host.ok('logs', '--tail', '3', 'count'), '198\n199\n200');
  assert.equal(await host.ok('logs', '-n', '1', 'count'), '200');
  assert.equal(await host.ok('logs', '--tail', '0', 'count'), '');
  assert.equal((await host.ok('logs', '--tail=all', 'count')).split('\n').length, 200);
  assert.equal((await host.ok('logs', '--tail', '1000', 'count')).split('\n').length, 200);
  assert.match(await host.fails(125, 'logs', '--tail', 'few', 'count'), /few/);
});

test('logs -t puts the time before each entry; --since leaves older ones out', async () => {
  await ended('times', 'echo old; sleep 1.1; echo new');
  const [old = '', young = ''] = (await host.ok('logs', '-t', 'times')).split('\n');
  assert.match(old, /^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z old$/);
  const between = new Date(Date.parse(young.split(' ')[0] ?? '') - 500);
  assert.equal(await host.ok('logs', '--since', between.toISOString(), 'times'), 'new');
  assert.equal(await host.ok('logs', '--since', String(between.getTime() / 1000), 'times'), 'new');
  assert.equal(await host.ok('logs', '--since', '10m', 'times'), 'old\nnew');
  assert.equal(await host.ok('logs', '--since', '2099-01-01T00:00:00Z', 'times'), '');
  assert.match(await host.fails(125, 'logs', '--since', 'yesterday', 'times'), /yesterday/);
});

test('logs -f follows until the container ends', async () => {
  await host.ok(
    'run',
    '-d',
    '--name',
    'talk',
    '-v',
    `${outside}:/v`,
    'busybox',
    'sh',
    '-c',
    'echo one; until [ -e /v/go ]; do sleep 0.05; done; echo two; echo err >&2',
  );
  const live = new Live(host, 'logs', '-f', 'talk');
  await live.says('one\n');
  assert.equal(live.stdout, 'one\n');
  writeFileSync(`${outside}/go`, '');
  assert.equal(await live.code, 0);
  assert.deepEqual([live.stdout, live.stderr], ['one\ntwo\n', 'err\n']);
});

test('logs -f --tail 0 shows only what comes; SIGTERM ends it quietly', async () => {
  await host.ok(
    'run',
    '-d',
    '--name',
    'tick',
    'busybox',
    'sh',
    '-c',
    'echo begin; until [ -e /go ]; do echo tick; sleep 0.05; done; echo later; sleep 1000',
  );
  await until('begin', async () => (await host.ok('logs', 'tick')).startsWith('begin'));
  const live = new Live(host, 'logs', '-f', '--tail', '0', 'tick');
  // What it shows is what came since it follows.
  await live.says('tick');
  await host.ok('exec', 'tick', 'touch', '/go');
  await live.says('later\n');
  assert.match(live.stdout, /^(tick\n)+later\n$/);
  live.child.kill('SIGTERM');
  await live.code;
  assert.equal(live.stderr, '');
  await host.ok('rm', '-f', 'tick');
});

test('the log is Docker’s json-file: one object a line with log, stream and time', async () => {
  await ended('file', 'echo "say \\"hi\\"	ü"; echo e >&2');
  const path = await host.ok('inspect', '-f', '{{.LogPath}}', 'file');
  const entries = readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.equal(entries.length, 2);
  const out = entries.find(({ stream }) => stream === 'stdout');
  assert.deepEqual(Object.keys(out).sort(), ['log', 'stream', 'time']);
  assert.equal(out.log, 'say "hi"\tü\n');
  assert.match(out.time, /^20\d\d-.*Z$/);
});

test('bytes that are no UTF-8, control characters and NUL never break a line of the log', async () => {
  await ended(
    'bytes',
    'printf "a\\377\\376b\\000c\\033[1m\\177\\n"; printf "\\303"; sleep 0.1; printf "\\274\\n"; echo end',
  );
  const path = await host.ok('inspect', '-f', '{{.LogPath}}', 'bytes');
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  const text = lines.map((line) => JSON.parse(line).log).join('');
  assert.equal(text, 'a\ufffd\ufffdb\0c\x1b[1m\x7f\nü\nend\n');
  assert.equal((await host.run(['logs', 'bytes'])).stdout, text);
});

test('very long lines come back whole', async () => {
  await ended('long', 'head -c 300000 /dev/zero | tr "\\0" x; echo; echo end');
  const { stdout } = await host.run(['logs', 'long']);
  assert.equal(stdout.length, 300_005);
  assert.ok(stdout === `${'x'.repeat(300_000)}\nend\n`);
});

test('logs of a foreground run are kept too, and of every run of a container', async () => {
  await host.run(['run', '--name', 'front', 'busybox', 'echo', 'hello']);
  assert.equal(await host.ok('logs', 'front'), 'hello');
  await host.run(['start', '-a', 'front']);
  assert.equal(await host.ok('logs', 'front'), 'hello\nhello');
});

test('the log is capped at 3 files of 10 MB, and following survives the rotation', async () => {
  // 400,000 lines of about 190 bytes in the file: 76 MB, seven rotations.
  const lines = 400_000;
  const script = `until [ -e /go ]; do sleep 0.05; done; yes "${'y'.repeat(100)}" | head -n ${lines}; echo done`;
  await host.ok('run', '-d', '--name', 'flood', 'busybox', 'sh', '-c', script);
  const live = new Live(host, 'logs', '-f', 'flood');
  await host.ok('exec', 'flood', 'touch', '/go');
  assert.equal((await host.run(['wait', 'flood'], { timeoutMs: 300_000 })).code, 0);
  assert.equal(await live.code, 0);
  assert.ok(
    live.stdout.endsWith('\ndone\n'),
    `the end came through: ${JSON.stringify(live.stdout.slice(-50))}`,
  );
  const path = await host.ok('inspect', '-f', '{{.LogPath}}', 'flood');
  const directory = path.slice(0, path.lastIndexOf('/'));
  const files = readdirSync(directory).filter((name) => name.startsWith('log.json'));
  assert.equal(files.length, 3, files.join(' '));
  for (const name of files) assert.ok(statSync(`${directory}/${name}`).size <= 10_100_000, name);
  for (const name of files) {
    const all = readFileSync(`${directory}/${name}`, 'utf8').trimEnd().split('\n');
    for (const line of [all[0], all.at(-1)]) assert.ok(JSON.parse(line ?? ''), `${name} has whole lines`);
  }
  assert.equal(await host.ok('logs', '--tail', '1', 'flood'), 'done');
  assert.equal(existsSync(`${path}.3`), false);
});

test('logs of an unknown container: exit 1', async () => {
  assert.match(await host.fails(1, 'logs', 'nobody'), /nobody/);
});

test('logs | head: a closed reader ends it quietly', async () => {
  const live = new Live(host, 'logs', '-f', 'flood');
  live.child.stdout?.destroy();
  await live.code;
  assert.equal(live.stderr, '');
});
