/** The caller's own descriptors: readers that do not read, terminals that stand still, disks that are full. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { command, EXECUTABLE, Host, NO_NETWORK, processes, until } from './harness.ts';
import { Terminal } from './live.ts';
import { monitorOf } from './raw-client.ts';

const host = new Host();
const env = { ...NO_NETWORK, MYDOCKER_ROOT: host.root, M: EXECUTABLE };
const shell = (line: string) => command('sh', ['-c', line], { env });
const running = (name: string) =>
  until(
    `${name} runs`,
    async () => (await host.ok('ps', '-q', '-f', `name=${name}`, '-f', 'status=running')) !== '',
  );

/** Options of strace(1) that make system calls slow. */
const delay = (calls: string, when: 'enter' | 'exit'): string[] => [
  '-e',
  `trace=${calls}`,
  '-e',
  `inject=${calls}:delay_${when}=200000`,
];

async function within(ms: number, ...args: string[]): Promise<void> {
  const start = Date.now();
  const result = await host.run(args, { timeoutMs: 20_000 });
  assert.equal(result.code, 0, result.stderr);
  assert.ok(Date.now() - start < ms, `${args.join(' ')} took ${Date.now() - start} ms`);
}

/** A shell line in the background, ended with its whole process group. */
function background(line: string): () => void {
  const child = spawn('sh', ['-c', line], {
    detached: true,
    stdio: 'ignore',
    env: { PATH: process.env.PATH, ...env },
  });
  return () => {
    if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  };
}

test('stop, kill and rm -f end a foreground run whose output nobody reads', async () => {
  for (const [name, ...verb] of [
    ['p1', 'stop'],
    ['p2', 'kill'],
    ['p3', 'rm', '-f'],
  ] as const) {
    const end = background(`"$M" run --name ${name} busybox yes | sleep 40`);
    await running(name);
    await sleep(200);
    await within(4000, ...verb, name);
    end();
  }
});

test('rm -f ends a run whose program has ended long before its output was read', async () => {
  const end = background('"$M" run --name past busybox sh -c "seq 1 20000; exit 0" | sleep 40');
  await running('past');
  await sleep(500);
  await within(4000, 'rm', '-f', 'past');
  end();
});

test('a slow reader gets all output of a program that ended by itself', async () => {
  const { stdout } = await shell('"$M" run --rm busybox head -c 200000 /dev/zero | (sleep 3; wc -c)');
  assert.equal(stdout.trim(), '200000');
});

test('stop ends a run that writes to a terminal which stands still', async () => {
  const terminal = new Terminal(host, 'mydocker run --name still busybox yes');
  await terminal.shows('y\r\n');
  terminal.child.stdout?.pause();
  await sleep(500);
  await within(4000, 'stop', 'still');
  terminal.child.stdout?.resume();
  await terminal.ends();
});

test('stop ends a run that writes to /dev/tty, a terminal the monitor cannot open anew, and which stands still', async () => {
  const terminal = new Terminal(host, 'mydocker run --name stuck busybox yes > /dev/tty');
  await terminal.shows('y\r\n');
  terminal.child.stdout?.pause();
  await sleep(500);
  await within(4000, 'stop', 'stuck');
  terminal.child.stdout?.resume();
  await terminal.ends();
});

test('stop does not wait for a client that is stopped itself', async () => {
  const terminal = new Terminal(host, 'mydocker run -it --name halted busybox yes');
  await terminal.shows('y\r\n');
  const [pid] = processes('run\0-it\0--name\0halted');
  assert.ok(pid !== undefined);
  process.kill(pid, 'SIGSTOP');
  await sleep(300);
  await within(4000, 'stop', 'halted');
  process.kill(pid, 'SIGCONT');
  await terminal.ends();
});

test('two runs that share one pipe as input do not wait for each other', async () => {
  const pipe = `${host.root}/pipe`;
  await command('mkfifo', [pipe]);
  const end = background(
    `exec 9<> ${pipe}; "$M" run -i --name left busybox cat <&9 & "$M" run -i --name right busybox cat <&9 & wait`,
  );
  await running('left');
  await running('right');
  // poll(2) tells the left one of a line, and the right one has read it by the time the left one acts.
  const monitor = async (name: string) => monitorOf(host, await host.ok('inspect', '-f', '{{.Id}}', name));
  const [left, right] = [await monitor('left'), await monitor('right')];
  const options = [
    '-qq',
    '-o',
    '/dev/null',
    '-p',
    String(left),
    ...delay('?poll,?ppoll,restart_syscall', 'exit'),
  ];
  const slow = spawn('strace', options);
  await sleep(500);
  process.kill(right, 'SIGSTOP');
  await command('sh', ['-c', `echo line > ${pipe}; sleep 0.1`]);
  process.kill(right, 'SIGCONT');
  await sleep(300);
  // A read that waits goes on waiting; without the delays the time is the engine's alone.
  const isOver = once(slow, 'exit');
  slow.kill();
  await isOver;
  await Promise.all([within(4000, 'rm', '-f', 'left'), within(4000, 'rm', '-f', 'right')]);
  end();
});

test('run -i at a terminal: after Ctrl-Z what is typed is the shell’s', async () => {
  const notes = `${host.root}/notes`;
  const script = `set -m
mydocker run -i --name paused busybox cat
echo the shell has it
for n in 1 2 3 4 5; do read line; echo "$line" >> ${notes}; done
mydocker rm -f paused > ${notes}.rm
fg
true`;
  const terminal = new Terminal(host, script);
  await running('paused');
  terminal.send('to cat\n');
  await terminal.shows('to cat\r\nto cat\r\n');
  terminal.send('\x1a');
  await terminal.shows('the shell has it\r\n');
  for (const n of [1, 2, 3, 4, 5]) {
    terminal.send(`mine ${n}\n`);
    await sleep(50);
  }
  await until('all are read', () => existsSync(`${notes}.rm`));
  assert.equal(readFileSync(notes, 'utf8'), 'mine 1\nmine 2\nmine 3\nmine 4\nmine 5\n');
  await terminal.ends();
  rmSync(notes);
});

test('what is typed while the container starts is not lost', async () => {
  // The monitor is slow to read: the line is there before the container's terminal is.
  const trace = `strace -f -qq -o /dev/null ${delay('recvfrom', 'enter').join(' ')}`;
  const terminal = new Terminal(host, `${trace} ${EXECUTABLE} run --rm -it busybox head -n 1`);
  await terminal.device();
  terminal.send('early\n');
  assert.equal(await terminal.ends(), 0);
  assert.match(terminal.screen, /early\r\nearly\r\n$/);
});

test('output that a full disk refuses: the run says so and does not look like a success', async () => {
  const { code, stderr } = await shell('"$M" run --name full busybox sh -c "echo hi; exit 4" > /dev/full');
  assert.equal(code, 125);
  assert.match(stderr, /^mydocker: .*standard output: ENOSPC.*\n$/);
  assert.equal(await host.ok('inspect', '-f', '{{.State.ExitCode}}', 'full'), '4');
  assert.equal(await host.ok('logs', 'full'), 'hi');
  await host.ok('start', 'full');
  await host.ok('wait', 'full');
  const exec = await shell(
    '"$M" run -d --name busy busybox sleep 100 > /dev/null; "$M" exec busy sh -c "echo hi >&2" 2> /dev/full; echo $?',
  );
  assert.equal(exec.stdout, '125\n');
});
