/** `-it` in a real pseudo-terminal: size, keys, detaching, and the terminal as it was before, however it ends. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { command, Host, leftovers, processes, until } from './harness.ts';
import { Terminal } from './live.ts';

const host = new Host();

/** A second view of the same terminal: `stty` on its device, as a window manager would resize it. */
async function resize(terminal: Terminal, rows: number, cols: number): Promise<void> {
  const device = await terminal.device();
  const { code, stderr } = await command('stty', ['-F', device, 'rows', String(rows), 'cols', String(cols)]);
  assert.equal(code, 0, stderr);
}

test('run -it gives the program a terminal of the container, with the size of ours, and its exit code', async () => {
  const terminal = new Terminal(
    host,
    'mydocker run --rm -it busybox sh -c "tty; stty size; echo $TERM; exit 9"',
  );
  assert.equal(await terminal.ends(), 9);
  assert.match(terminal.screen, /\/dev\/(console|pts\/0)\r\n31 97\r\nxterm\r\n/);
});

test('run -it sh: a shell session with echo and line ends of a terminal', async () => {
  const terminal = new Terminal(host, 'mydocker run --rm -it --hostname nest busybox sh');
  await terminal.shows('/ # ');
  terminal.send('echo $((40+2))\n');
  await terminal.shows('42\r\n');
  terminal.send('exit 4\n');
  assert.equal(await terminal.ends(), 4);
});

test('run -it follows the window size', async () => {
  const script =
    'mydocker run --rm -it busybox sh -c "trap \'stty size\' WINCH; echo ready; while :; do sleep 0.05; done"';
  const terminal = new Terminal(host, script);
  await terminal.shows('ready');
  await resize(terminal, 12, 34);
  await terminal.shows('12 34');
  await resize(terminal, 50, 150);
  await terminal.shows('50 150');
  terminal.send('\x03');
  assert.notEqual(await terminal.ends(), 0);
});

test('run -it: Ctrl-C goes to the container’s program', async () => {
  const terminal = new Terminal(
    host,
    'mydocker run --rm -it busybox sh -c "trap \'echo caught; exit 6\' INT; echo ready; while :; do sleep 0.05; done"',
  );
  await terminal.shows('ready');
  terminal.send('\x03');
  assert.equal(await terminal.ends(), 6);
  assert.match(terminal.screen, /caught/);
});

test('run -it: Ctrl-D ends the input of cat', async () => {
  const terminal = new Terminal(host, 'mydocker run --rm -it busybox cat');
  await terminal.device();
  await until('the container runs', async () => (await host.ok('ps', '-q', '-f', 'status=running')) !== '');
  terminal.send('line\n');
  await terminal.shows('line\r\nline\r\n');
  terminal.send('\x04');
  assert.equal(await terminal.ends(), 0);
});

test('detach keys leave the program running; attach comes back to it', async () => {
  const first = new Terminal(host, 'mydocker run -it --name box busybox sh');
  await first.shows('/ # ');
  first.send('kept=yes\n');
  await first.shows('kept=yes');
  first.send('\x10');
  first.send('\x11');
  assert.equal(await first.ends(), 0);
  assert.equal(await host.ok('ps', '--format', '{{.Names}} {{.Status}}'), 'box running');

  const second = new Terminal(host, 'mydocker attach box', { rows: 20, cols: 77 });
  await second.device();
  second.send('\n');
  await second.shows('/ # ');
  second.send('echo [$kept]; stty size\n');
  await second.shows('[yes]\r\n20 77');
  second.send('exit 3\n');
  assert.equal(await second.ends(), 3);
  assert.equal(await host.ok('ps', '--format', '{{.Names}} {{.Status}} {{.ExitCode}}'), 'box stopped 3');
  await host.ok('rm', 'box');
});

test('--detach-keys chooses other keys', async () => {
  const terminal = new Terminal(host, 'mydocker run -it --detach-keys ctrl-a,d --name other busybox sh');
  await terminal.shows('/ # ');
  terminal.send('\x01d');
  assert.equal(await terminal.ends(), 0);
  assert.equal(await host.ok('inspect', '-f', '{{.State.Running}}', 'other'), 'true');
  await host.ok('rm', '-f', 'other');
});

test('the terminal is restored when the CLI is ended by SIGTERM or SIGHUP', async () => {
  for (const signal of ['TERM', 'HUP'] as const) {
    const terminal = new Terminal(host, `mydocker run -it --name sig${signal} busybox sh`);
    await terminal.shows('/ # ');
    const [pid] = processes(`run\0-it\0--name\0sig${signal}`);
    assert.ok(pid !== undefined);
    process.kill(pid, `SIG${signal}`);
    assert.notEqual(await terminal.ends(), 0);
    await host.ok('rm', '-f', `sig${signal}`);
  }
});

test('the terminal is restored when the container is killed under it', async () => {
  const terminal = new Terminal(host, 'mydocker run --rm -it --name shot busybox sh');
  await terminal.shows('/ # ');
  await host.ok('kill', 'shot');
  assert.equal(await terminal.ends(), 137);
});

test('the terminal is as before when the program cannot be started', async () => {
  const terminal = new Terminal(host, 'mydocker run --rm -it busybox /no/such');
  assert.equal(await terminal.ends(), 127);
  assert.match(terminal.screen, /\/no\/such/);
});

test('exec -it: a second terminal in the container, size followed, its own exit code', async () => {
  await host.ok('run', '-d', '--name', 'target', 'busybox', 'sleep', '100');
  const terminal = new Terminal(host, 'mydocker exec -it target sh');
  await terminal.shows('/ # ');
  terminal.send('tty; stty size\n');
  await terminal.shows('31 97');
  assert.match(terminal.screen, /\/dev\/pts\/\d/);
  await resize(terminal, 22, 66);
  await until('the size follows', async () => {
    terminal.send('stty size\n');
    await sleep(100);
    return terminal.screen.includes('22 66');
  });
  terminal.send('exit 8\n');
  assert.equal(await terminal.ends(), 8);
  await host.ok('rm', '-f', 'target');
});

test('start -ai gives a created container this terminal', async () => {
  await host.ok('create', '-it', '--name', 'later', 'busybox', 'sh');
  const terminal = new Terminal(host, 'mydocker start -ai later');
  await terminal.shows('/ # ');
  terminal.send('exit 5\n');
  assert.equal(await terminal.ends(), 5);
  await host.ok('rm', 'later');
});

test('-it without a terminal is refused in one line', async () => {
  assert.match(await host.fails(125, 'run', '--rm', '-it', 'busybox', 'sh'), /not a TTY/);
  assert.deepEqual(leftovers(host.root), []);
});

test('-t alone, without a terminal here, still gives the program one', async () => {
  const result = await host.run(['run', '--rm', '-t', 'busybox', 'sh', '-c', 'test -t 1 && echo terminal']);
  assert.deepEqual(result, { code: 0, stdout: 'terminal\r\n', stderr: '' });
});
