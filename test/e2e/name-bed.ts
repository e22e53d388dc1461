/** A place to try names in: a network namespace of the test's own, with real resolvers in it, and the engine run there. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { after } from 'node:test';
import { command, EXECUTABLE, Host, type Options, type Result, until } from './harness.ts';

/** A network namespace with loopback up; close() ends what was started in it. */
export class Namespace {
  readonly name = `mydocker-${process.pid}-${Math.random().toString(16).slice(2, 8)}`;
  readonly path = `/run/netns/${this.name}`;
  private readonly children: ChildProcess[] = [];

  constructor() {
    execFileSync('ip', ['netns', 'add', this.name]);
    this.sync('ip', 'link', 'set', 'lo', 'up');
  }

  /** A command in it, waited for. */
  sync(file: string, ...args: string[]): string {
    return execFileSync('nsenter', [`--net=${this.path}`, file, ...args], { encoding: 'utf8' });
  }

  run(file: string, args: readonly string[], options: Options = {}): Promise<Result> {
    return command('nsenter', [`--net=${this.path}`, file, ...args], options);
  }

  /** A server in it. */
  start(file: string, args: readonly string[]): ChildProcess {
    const child = spawn('nsenter', [`--net=${this.path}`, file, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.children.push(child);
    return child;
  }

  /** A resolver of Debian's dnsmasq-base at an address of this namespace. */
  async dnsmasq(address: string, ...options: string[]): Promise<ChildProcess> {
    const own = ['--keep-in-foreground', '--no-resolv', '--no-hosts', '--bind-interfaces', '--pid-file='];
    const log = ['--log-facility=/dev/null', '--user=root', '--conf-file=/dev/null'];
    const child = this.start('dnsmasq', [...own, ...log, `--listen-address=${address}`, ...options]);
    await until(`a resolver answers at ${address}`, async () => {
      assert.equal(child.exitCode, null, `dnsmasq at ${address} ended`);
      return (await this.run('dig', [`@${address}`, '+tries=1', '+time=1', 'localhost'])).code === 0;
    });
    return child;
  }

  /** A resolver of the test's own: a script for node, which says "ready" once it listens. */
  async script(source: string): Promise<ChildProcess> {
    const child = this.start(process.execPath, ['-e', source]);
    await new Promise<void>((resolve, reject) => {
      child.once('exit', () => reject(new Error('the resolver of the test ended')));
      child.stdout?.once('data', () => resolve());
    });
    return child;
  }

  async close(): Promise<void> {
    for (const child of this.children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
    }
    execFileSync('ip', ['netns', 'del', this.name]);
  }
}

/** An engine whose monitors live in the namespace. */
export class NamedHost extends Host {
  private readonly directory = mkdtempSync('/var/tmp/mydocker-names-');

  constructor(readonly net: Namespace) {
    super();
    // After the engine's own end, which is reached through it.
    after(() => net.close());
    after(() => rmSync(this.directory, { recursive: true, force: true }));
  }

  override run(args: readonly string[], options: Options = {}): Promise<Result> {
    const env = { MYDOCKER_ROOT: this.root, ...options.env };
    return this.net.run(EXECUTABLE, args, { ...options, env });
  }

  /** A running container; its id and the pids of process 1 and of its monitor. */
  async container(name: string, ...flags: string[]): Promise<Running> {
    const id = await this.ok('run', '-d', '--name', name, ...flags, 'busybox', 'sleep', '600');
    const state = JSON.parse(readFileSync(`${this.root}/run/${id}/state.json`, 'utf8')) as {
      pid: number;
      monitorPid: number;
    };
    return { id, name, ...state };
  }

  /** A network's directory as `network create` makes it, which this container is connected to. */
  connect(container: Running, network: string): string {
    const directory = `${this.directory}/${network}`;
    mkdirSync(`${directory}/names`, { recursive: true });
    mkdirSync(`${directory}/addresses`, { recursive: true });
    symlinkSync(directory, `${this.root}/run/${container.id}/networks/${network}`);
    return directory;
  }

  /** A program of this machine in the container's network, with the container's resolv.conf. */
  beside({ id, pid }: Running, ...words: string[]): Promise<Result> {
    const script = `mount --make-rprivate / && mount --bind "$0" /etc/resolv.conf && exec "$@"`;
    const conf = `${this.root}/containers/${id}/resolv.conf`;
    const shell = ['unshare', '--mount', 'sh', '-c', script, conf];
    return command('nsenter', ['-t', String(pid), '--net', ...shell, ...words]);
  }

  /** What dig says to a question asked in the container's network. */
  async dig({ pid }: Running, ...words: string[]): Promise<string> {
    const args = ['-t', String(pid), '--net', 'dig', '@127.0.0.11', '+tries=1', '+time=20', ...words];
    const { code, stdout, stderr } = await command('nsenter', args);
    assert.equal(code, 0, `dig ${words.join(' ')}: ${stdout}${stderr}`);
    return stdout.trim();
  }
}

export interface Running {
  id: string;
  name: string;
  pid: number;
  monitorPid: number;
}

/** A name in a network: whose, and the addresses. */
export function addName(network: string, name: string, id: string, addresses: string): void {
  mkdirSync(`${network}/names/${name}`, { recursive: true });
  symlinkSync(addresses, `${network}/names/${name}/${id}`);
}

/** getaddrinfo of musl, in a program that needs nothing of the image. */
export function muslLookup(directory: string): string {
  const source = `${directory}/lookup.c`;
  writeFileSync(
    source,
    `#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
int main(int argc, char **argv) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
  int failed = getaddrinfo(argv[argc - 1], NULL, &hints, &list);
  if (failed) { puts(gai_strerror(failed)); return 1; }
  for (; list; list = list->ai_next) {
    char text[64];
    const void *at = list->ai_family == AF_INET ? (void *)&((struct sockaddr_in *)list->ai_addr)->sin_addr
                                                : (void *)&((struct sockaddr_in6 *)list->ai_addr)->sin6_addr;
    puts(inet_ntop(list->ai_family, at, text, sizeof text));
  }
  return 0;
}
`,
  );
  execFileSync('musl-gcc', ['-static', '-O1', source, '-o', `${directory}/lookup`]);
  return `${directory}/lookup`;
}
