/** `run` in the foreground: arguments, environment, streams, signals, exit codes. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { Host, leftovers } from './harness.ts';
import { Live } from './live.ts';

const host = new Host();
const directory = mkdtempSync('/var/tmp/mydocker-files-');
after(() => rmSync(directory, { recursive: true }));
const busybox = (...args: string[]) => host.ok('run', '--rm', ...args);

test('run prints what the program prints, and nothing else', async () => {
  const result = await host.run(['run', '--rm', 'busybox', 'echo', 'hello']);
  assert.deepEqual(result, { code: 0, stdout: 'hello\n', stderr: '' });
});

test('run passes argv as it is: spaces, quotes, empty strings, new lines, Unicode, dashes', async () => {
  const words = ['a b', '', '"q"', "it's", '$HOME', 'x\ny', 'ü漢🙂', '--rm', '-d', '*', '\\n', ' '];
  const stdout = await busybox('busybox', 'sh', '-c', 'for a; do printf "[%s]" "$a"; done', 'sh', ...words);
  assert.equal(stdout, words.map((word) => `[${word}]`).join(''));
});

test('run keeps stdout and stderr apart', async () => {
  const result = await host.run(['run', '--rm', 'busybox', 'sh', '-c', 'echo out; echo err >&2; exit 3']);
  assert.deepEqual(result, { code: 3, stdout: 'out\n', stderr: 'err\n' });
});

test('run without -i: standard input is empty; with -i it is passed on to its end', async () => {
  const closed = await host.run(['run', '--rm', 'busybox', 'cat'], { input: 'secret\n' });
  assert.deepEqual(closed, { code: 0, stdout: '', stderr: '' });
  const open = await host.run(['run', '--rm', '-i', 'busybox', 'cat'], { input: 'a\nb' });
  assert.deepEqual(open, { code: 0, stdout: 'a\nb', stderr: '' });
});

test('run -i passes a megabyte through unchanged', async () => {
  const input = 'x'.repeat(79).concat('\n').repeat(13_000);
  const { stdout } = await host.run(['run', '--rm', '-i', 'busybox', 'cat'], { input });
  assert.ok(stdout === input, `${stdout.length} of ${input.length} bytes came back`);
});

test('run exits with the program’s code, and 128+n when a signal ends it', async () => {
  const codeOf = async (script: string) =>
    (await host.run(['run', '--rm', 'busybox', 'sh', '-c', script])).code;
  assert.equal(await codeOf('exit 0'), 0);
  assert.equal(await codeOf('exit 1'), 1);
  assert.equal(await codeOf('exit 125'), 125);
  assert.equal(await codeOf('exit 255'), 255);
  const init = await host.run(['run', '--rm', '--init', 'busybox', 'sh', '-c', 'kill -15 $$']);
  assert.equal(init.code, 143);
});

test('run exits 127 for a program that is not there, 126 for one that cannot be executed', async () => {
  assert.match(await host.fails(127, 'run', '--rm', 'busybox', '/no/such'), /\/no\/such/);
  assert.match(await host.fails(127, 'run', '--rm', 'busybox', 'nosuchprogram'), /nosuchprogram/);
  assert.match(await host.fails(126, 'run', '--rm', 'busybox', '/etc/passwd'), /\/etc\/passwd/);
  assert.match(await host.fails(126, 'run', '--rm', 'busybox', '/etc'), /\/etc/);
  assert.deepEqual(leftovers(host.root), []);
});

test('run forwards signals to the program and gives its code', async () => {
  const script =
    'trap "echo got TERM; exit 42" TERM; trap "echo got USR1" USR1; echo ready; while :; do sleep 0.05; done';
  const live = new Live(host, 'run', '--rm', 'busybox', 'sh', '-c', script);
  await live.says('ready');
  live.child.kill('SIGUSR1');
  await live.says('got USR1');
  live.child.kill('SIGTERM');
  assert.equal(await live.code, 42);
  assert.match(live.stdout, /got TERM/);
  assert.deepEqual(leftovers(host.root), []);
});

test('run -e and --env-file set variables; the last one wins; a name alone takes the caller’s value', async () => {
  const file = `${directory}/env`;
  writeFileSync(file, '# comment\n\nFROM_FILE=1 2 "3"\nBOTH=file\nTAKEN\nMISSING\n');
  const args = [
    '--env-file',
    file,
    '-e',
    'A=x y',
    '-e',
    'BOTH=flag',
    '-e',
    'EMPTY=',
    '-e',
    'NAMED',
    '-e',
    'EQ=a=b',
  ];
  const result = await host.run(['run', '--rm', ...args, 'busybox', 'env'], {
    env: { TAKEN: 't', NAMED: 'n', SECRET: 's' },
  });
  const lines = result.stdout.split('\n');
  for (const line of [
    'FROM_FILE=1 2 "3"',
    'BOTH=flag',
    'TAKEN=t',
    'A=x y',
    'EMPTY=',
    'NAMED=n',
    'EQ=a=b',
    'HOME=/root',
  ]) {
    assert.ok(lines.includes(line), `${line} is in ${result.stdout}`);
  }
  assert.doesNotMatch(result.stdout, /MISSING|SECRET|MYDOCKER/);
});

test('run -w sets the working directory, and makes it when the image has none', async () => {
  assert.equal(await busybox('-w', '/tmp', 'busybox', 'pwd'), '/tmp');
  assert.equal(await busybox('--workdir=/etc', 'busybox', 'pwd'), '/etc');
  assert.equal(await busybox('busybox', 'pwd'), '/');
});

test('run -u: by name, number, with a group; supplementary groups only when no group is given', async () => {
  const idOf = (user: string) => busybox('-u', user, 'busybox', 'id');
  assert.match(await idOf('root'), /^uid=0\(root\) gid=0\(root\)/);
  assert.match(await idOf('1234'), /^uid=1234 gid=0\(root\)/);
  assert.match(await idOf('1234:5678'), /^uid=1234 gid=5678/);
  assert.match(await idOf('0:wheel'), /^uid=0\(root\) gid=10\(wheel\) groups=10\(wheel\)$/);
  assert.equal(await busybox('-u', '1234', 'busybox', 'sh', '-c', 'echo $HOME'), '/');
  const { stdout } = await host.run([
    'run',
    '--rm',
    '-u',
    '1234',
    'busybox',
    'grep',
    'CapEff',
    '/proc/self/status',
  ]);
  assert.match(stdout, /0000000000000000/, 'another user than root has no capabilities in effect');
});

test('run --hostname; without it the short id', async () => {
  assert.equal(
    await busybox(
      '--hostname',
      'nest',
      'busybox',
      'sh',
      '-c',
      'hostname; cat /etc/hostname; grep -c nest /etc/hosts; echo $HOSTNAME',
    ),
    'nest\nnest\n1\nnest',
  );
  const id = await host.ok('run', '-d', 'busybox', 'hostname');
  await host.ok('wait', id);
  assert.equal(await host.ok('logs', id), id.slice(0, 12));
  await host.ok('rm', id);
});

test('run --entrypoint replaces, and "" clears', async () => {
  assert.equal(await busybox('--entrypoint', '/bin/echo', 'busybox', 'a', 'b c'), 'a b c');
  assert.equal(await busybox('--entrypoint', '', 'busybox', 'echo', 'x'), 'x');
});

test('run --init: a tiny init is process 1, reaps orphans and passes signals on', async () => {
  const seen = await busybox(
    '--init',
    'busybox',
    'sh',
    '-c',
    // The orphan has ended and was waited for; one that nobody waits for is there at the hundredth look too.
    `echo $$; (sh -c 'echo $$ >/orphan; exec sleep 0.05' &)
    for i in $(seq 100); do [ -s /orphan ] && [ ! -e /proc/$(cat /orphan) ] && break; usleep 100000; done
    cat /orphan >/dev/null && ps -o pid,stat,comm`,
  );
  assert.doesNotMatch(seen, /^ *1$/m);
  assert.doesNotMatch(seen, / Z |sleep/);
  const live = new Live(
    host,
    'run',
    '--rm',
    '--init',
    'busybox',
    'sh',
    '-c',
    'trap "exit 7" TERM; echo ready; while :; do sleep 0.05; done',
  );
  await live.says('ready');
  live.child.kill('SIGTERM');
  assert.equal(await live.code, 7);
});

test('run --cidfile holds the id; an existing file is an error and stays', async () => {
  const file = `${directory}/cid`;
  const id = await host.ok('run', '-d', '--cidfile', file, 'busybox', 'true');
  assert.equal(readFileSync(file, 'utf8'), id);
  assert.match(await host.fails(125, 'run', '--cidfile', file, 'busybox', 'true'), /cidfile/);
  assert.equal(readFileSync(file, 'utf8'), id);
  assert.equal((await host.run(['run', '--cidfile', `${file}2`, 'busybox', '/no/such'])).code, 127);
  await host.ok('rm', '-f', id);
  assert.equal(existsSync(`${file}2`), false, 'nothing was created, so no file says so');
});

test('run --label, --stop-signal and --stop-timeout are kept', async () => {
  const args = ['-l', 'a=1', '--label', 'empty', '--stop-signal', 'QUIT', '--stop-timeout', '3'];
  const id = await host.ok('create', ...args, 'busybox', 'true');
  const [shown] = JSON.parse(await host.ok('inspect', id));
  assert.deepEqual(shown.Config.Labels, { a: '1', empty: '' });
  assert.match(shown.Config.StopSignal, /QUIT$/);
  assert.equal(shown.Config.StopTimeout, 3);
  await host.ok('rm', id);
});

test('run without --rm leaves a stopped container with its exit code; --rm leaves nothing', async () => {
  assert.equal((await host.run(['run', '--name', 'kept', 'busybox', 'sh', '-c', 'exit 5'])).code, 5);
  assert.equal(
    await host.ok('ps', '-f', 'name=kept', '--format', '{{.Names}} {{.Status}} {{.ExitCode}}'),
    'kept stopped 5',
  );
  assert.match(await host.fails(125, 'run', '--name', 'kept', 'busybox', 'true'), /kept/);
  await host.ok('rm', 'kept');
  await host.ok('run', '--rm', '--name', 'kept', 'busybox', 'true');
  assert.deepEqual(leftovers(host.root), []);
});

test('run of a command of the default image says so on standard error', async () => {
  const result = await host.run(['run', '--rm', 'echo', 'hi']);
  assert.equal(result.stdout, 'hi\n');
  assert.match(result.stderr, /no image "echo".*busybox/);
});
