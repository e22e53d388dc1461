/**
 * Network namespaces as hosts, so that this machine's own network is never touched: one in which the engine runs, and
 * any number of others on the same wire.
 *
 *   other (198.51.100.10, 2001:db8::10) --- host (198.51.100.2, 2001:db8::2) --- containers
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { Core } from '../../src/engine/core.ts';
import { createNetwork } from '../../src/engine/network-create.ts';
import type { NetworkSpec } from '../../src/engine/types.ts';
import { echo } from './echo.ts';
import { command, EXECUTABLE, Host, type Options, type Result, until } from './harness.ts';

export * from './echo.ts';

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
      const fixed = ['bridges', 'pairs', 'internal', 'closed4', 'closed6'];
      if (one === undefined || !one.table.startsWith('mydocker') || fixed.includes(one.name)) return [];
      return (one.elem ?? []).map((elem) => `${one.name} ${JSON.stringify(elem)}`);
    });
    const sockets = (await this.inside('ss', '-Htuln')).stdout.split('\n').filter((line) => line !== '');
    return [...links, ...elements, ...sockets];
  }

  override async close(): Promise<void> {
    const ids = (await this.ok('ps', '-q', '--no-trunc')).split('\n').filter((id) => id !== '');
    if (ids.length > 0) await this.ok('rm', '-f', ...ids);
    // The kernel takes a namespace's interfaces away in its own time, hundreds of them one after the other.
    let left: string[] = [];
    const isClean = async () => {
      left = (await this.traces()).filter((line) => !line.includes('"wire"'));
      return left.length === 0;
    };
    await until('nothing is left in the network', isClean, 60_000).catch(() =>
      assert.deepEqual(left, [], 'nothing is left in the network'),
    );
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
