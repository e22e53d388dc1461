/**
 * Network namespaces as hosts, so that this machine's own network is never touched: one in which the engine runs, and
 * any number of others on the same wire.
 *
 *   other (198.51.100.10, 2001:db8::10) --- host (198.51.100.2, 2001:db8::2) --- containers
 */
import assert from 'node:assert/strict';
import { execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { after } from 'node:test';
import { Core } from '../../src/engine/core.ts';
import { createNetwork } from '../../src/engine/network-create.ts';
import type { NetworkSpec } from '../../src/engine/types.ts';
import { command, EXECUTABLE, Host, type Options, type Result, until } from './harness.ts';

export const HOST_IP = '198.51.100.2';
export const HOST_IP6 = '2001:db8::2';
export const OTHER_IP = '198.51.100.10';
export const OTHER_IP6 = '2001:db8::10';

/** Addresses of a network. */
interface Made {
  subnet: string;
  gateway: string;
  subnet6: string;
  gateway6: string;
}

/** A container in a network. */
export interface Nest {
  name: string;
  /** Of its network. */
  namespace: string;
  ip: string;
  ip6: string;
}

let count = 0;

function run(line: string): void {
  const [file = '', ...args] = line.split(' ');
  execFileSync(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
}

const servers: Server[] = [];
after(() => Promise.all(servers.map((server) => server.stop())));

/** A program that runs in one of the namespaces; ended with the file's tests. */
export class Server {
  output = '';
  private readonly child;

  constructor(namespace: string, file: string, args: readonly string[]) {
    const options: SpawnOptions = { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env.PATH } };
    this.child = spawn('nsenter', [`--net=${namespace}`, file, ...args], options);
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        this.output += chunk.toString('utf8');
      });
    servers.push(this);
  }

  stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return Promise.resolve();
    const ended = new Promise<void>((resolve) => this.child.once('exit', () => resolve()));
    this.child.kill(signal);
    return ended;
  }
}

export class NetHost extends Host {
  readonly name = `mdt${process.pid}x${count++}`;
  private readonly others: string[] = [];

  constructor() {
    super();
    run(`ip netns add ${this.name}`);
    run(`ip -n ${this.name} link set lo up`);
    // As a host is before anything needs forwarding; a new namespace has what the machine has.
    for (const setting of ['net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding'])
      run(`nsenter --net=${this.namespace} sysctl -qw ${setting}=0`);
    // The wire: a bridge in a namespace of its own would do too; one cable is enough for one other host.
    this.addOther('o', OTHER_IP, OTHER_IP6);
    run(`ip -n ${this.name} addr add ${HOST_IP}/24 dev wire`);
    run(`ip -n ${this.name} addr add ${HOST_IP6}/64 dev wire nodad`);
    run(`ip -n ${this.name} link set wire up`);
    run(`ip -n ${this.name} route add default via ${OTHER_IP}`);
    run(`ip -n ${this.name} -6 route add default via ${OTHER_IP6}`);
  }

  private addOther(suffix: string, ip: string, ip6: string): void {
    const other = `${this.name}${suffix}`;
    run(`ip netns add ${other}`);
    this.others.push(other);
    run(`ip -n ${other} link set lo up`);
    run(`ip -n ${this.name} link add wire type veth peer name wire netns ${other}`);
    run(`ip -n ${other} addr add ${ip}/24 dev wire`);
    run(`ip -n ${other} addr add ${ip6}/64 dev wire nodad`);
    run(`ip -n ${other} link set wire up`);
  }

  /** A network, made as the engine makes one; its subnets. */
  async network(name: string, spec: Omit<NetworkSpec, 'name'> = {}): Promise<Made> {
    const {
      subnet,
      gateway,
      subnet6 = '',
      gateway6 = '',
    } = await createNetwork(new Core({ root: this.root }), {
      name,
      ...spec,
    });
    return { subnet, gateway, subnet6, gateway6 };
  }

  /** A running container that does nothing, with an echo on port 7000 in its network. */
  async nest(name: string, ...flags: string[]): Promise<Nest> {
    // Names it does not know are asked of nobody: refused at once.
    await this.ok('run', '-d', '--name', name, '--dns', '127.0.0.1', ...flags, 'busybox', 'sleep', '3600');
    const namespace = await this.namespaceOf(name);
    await echo(namespace, '::', 7000);
    const networks = await this.ok('inspect', '-f', '{{json .NetworkSettings.Networks}}', name);
    const [first] = Object.values(
      JSON.parse(networks) as Record<string, { IPAddress: string; GlobalIPv6Address: string }>,
    );
    const { IPAddress: ip = '', GlobalIPv6Address: ip6 = '' } = first ?? {};
    return { name, namespace, ip, ip6 };
  }

  get namespace(): string {
    return `/run/netns/${this.name}`;
  }
  get other(): string {
    return `${this.namespace}o`;
  }

  override run(args: readonly string[], options: Options = {}): Promise<Result> {
    const env = { MYDOCKER_ROOT: this.root, MYDOCKER_DEFAULT_NETWORK: 'bridge', ...options.env };
    return command('nsenter', [`--net=${this.namespace}`, EXECUTABLE, ...args], { ...options, env });
  }

  /** A shell script in the engine's namespace; $M is the program, $1 and on are the arguments. */
  shell(script: string, ...args: readonly string[]): Promise<Result> {
    const env = { MYDOCKER_ROOT: this.root, MYDOCKER_DEFAULT_NETWORK: 'bridge', M: EXECUTABLE };
    const words = [`--net=${this.namespace}`, 'sh', '-c', script, 'sh', ...args];
    return command('nsenter', words, { env, timeoutMs: 180_000 });
  }

  /** A command in the engine's namespace. */
  inside(file: string, ...args: string[]): Promise<Result> {
    return command('nsenter', [`--net=${this.namespace}`, file, ...args]);
  }

  /** A command on the other host. */
  outside(file: string, ...args: string[]): Promise<Result> {
    return command('nsenter', [`--net=${this.other}`, file, ...args]);
  }

  /** A command in the network namespace of a running container, with this machine's programs. */
  async within(container: string, file: string, ...args: string[]): Promise<Result> {
    return command('nsenter', [`--net=${await this.namespaceOf(container)}`, file, ...args]);
  }

  async namespaceOf(container: string): Promise<string> {
    return `/proc/${await this.ok('inspect', '-f', '{{.State.Pid}}', container)}/ns/net`;
  }

  /** Interfaces of ours and elements of our maps: what a start leaves while it runs. */
  async traces(): Promise<string[]> {
    const links = (await this.inside('ip', '-o', 'link')).stdout.match(/\bmd[0-9a-f]{10}-\d+/g) ?? [];
    const rules = (await this.inside('nft', '-j', 'list', 'ruleset')).stdout;
    const parsed = JSON.parse(rules === '' ? '{"nftables":[]}' : rules) as {
      nftables: Array<{ map?: NftSet; set?: NftSet }>;
    };
    const elements = parsed.nftables.flatMap(({ map, set }) => {
      const one = map ?? set;
      const fixed = ['bridges', 'pairs', 'internal'];
      if (one === undefined || !one.table.startsWith('mydocker') || fixed.includes(one.name)) return [];
      return (one.elem ?? []).map((elem) => `${one.name} ${JSON.stringify(elem)}`);
    });
    const sockets = (await this.inside('ss', '-Htuln')).stdout.split('\n').filter((line) => line !== '');
    return [...links, ...elements, ...sockets];
  }

  override async close(): Promise<void> {
    const ids = (await this.ok('ps', '-q', '--no-trunc')).split('\n').filter((id) => id !== '');
    if (ids.length > 0) await this.ok('rm', '-f', ...ids);
    // The kernel takes a namespace's interfaces away in its own time.
    let left: string[] = [];
    await until('nothing is left in the network', async () => {
      left = (await this.traces()).filter((line) => !line.includes('"wire"'));
      return left.length === 0;
    }).catch(() => assert.deepEqual(left, [], 'nothing is left in the network'));
    await super.close();
    for (const name of [this.name, ...this.others]) run(`ip netns del ${name}`);
  }
}

interface NftSet {
  table: string;
  name: string;
  elem?: unknown[];
}

/** The text a web server of busybox in a container gives: `httpd -f -h / -p 80` with this file. */
export function webServer(text: string, port = 80): string[] {
  return ['sh', '-c', `echo ${text} >/index.html; exec httpd -f -vv -h / -p ${port}`];
}

/** wget of this machine, on one of the hosts; "" when nothing answered. */
export const WGET = ['wget', '-qO-', '-T5', '-t1'] as const;

/** Where the tests' Python is: no wrapper in front of it. */
export const PYTHON = '/usr/bin/python3';

/** Serves TCP and UDP, and tells each caller the address it came from. Arguments: address and port, in turn. */
const ECHO = `
import select, socket, sys
sockets = []
for ip, port in zip(sys.argv[1::2], sys.argv[2::2]):
    family = socket.AF_INET6 if ':' in ip else socket.AF_INET
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        s = socket.socket(family, kind)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if ip == '::':
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        s.bind((ip, int(port)))
        if kind == socket.SOCK_STREAM:
            s.listen(50)
        sockets.append(s)
print('ready', flush=True)
plain = lambda address: address[0].replace('::ffff:', '').encode()
while True:
    for s in select.select(sockets, [], [])[0]:
        if s.type == socket.SOCK_STREAM:
            c, address = s.accept()
            c.sendall(plain(address))
            c.close()
        else:
            _, address = s.recvfrom(4096)
            s.sendto(plain(address), address)
`;

/** Asks each of "tcp,ADDRESS,PORT" what it thinks whom it talks to; an error in its place. Answers of others do not count. */
const ASK = `
import socket, sys, threading
def ask(i, protocol, ip, port):
    family = socket.AF_INET6 if ':' in ip else socket.AF_INET
    s = socket.socket(family, socket.SOCK_DGRAM if protocol == 'udp' else socket.SOCK_STREAM)
    # A datagram may be lost while an address is looked for: asked again each second.
    tries = patience if protocol == 'udp' else 1
    s.settimeout(patience / tries)
    try:
        s.connect((ip, int(port)))
        for _ in range(tries):
            try:
                if protocol == 'udp':
                    s.send(b'?')
                said[i] = s.recv(4096).decode() or 'nothing'
                return
            except TimeoutError:
                said[i] = 'timeout'
    except TimeoutError:
        said[i] = 'timeout'
    except OSError as e:
        said[i] = {111: 'refused', 1: 'refused', 113: 'unreachable', 101: 'unreachable'}.get(e.errno, str(e))
patience = int(sys.argv[1])
targets = sys.argv[2:]
said = [''] * len(targets)
threads = [threading.Thread(target=ask, args=(i, *t.split(','))) for i, t in enumerate(targets)]
for t in threads: t.start()
for t in threads: t.join()
print(*said, sep='\\n')
`;

/** A server in a network namespace that answers with the caller's address, over TCP and UDP. */
export async function echo(namespace: string, ...at: Array<string | number>): Promise<Server> {
  const server = new Server(namespace, PYTHON, ['-c', ECHO, ...at.map(String)]);
  await until('the echo is ready', () => server.output.includes('ready'), 30_000);
  return server;
}

export type Target = readonly [protocol: 'tcp' | 'udp', ip: string, port: number];

/** Which address each server took the caller for: "refused", "timeout" or "unreachable" where none answered. */
export async function ask(namespace: string, targets: readonly Target[], patienceS = 20): Promise<string[]> {
  const words = targets.map((target) => target.join(','));
  const args = [`--net=${namespace}`, PYTHON, '-c', ASK, String(patienceS), ...words];
  const { code, stdout, stderr } = await command('nsenter', args);
  assert.equal(code, 0, stderr);
  return stdout.trimEnd().split('\n');
}

/** TCP and UDP to each of these addresses. */
export function both(port: number, ...ips: readonly string[]): Target[] {
  return ips.flatMap((ip): Target[] => [
    ['tcp', ip, port],
    ['udp', ip, port],
  ]);
}

/** Each answer twice: for TCP and for UDP. */
export const twice = (...answers: readonly string[]): string[] => answers.flatMap((one) => [one, one]);
