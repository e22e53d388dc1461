/** Programs in network namespaces: a server that says who called, and its callers. */
import assert from 'node:assert/strict';
import { type SpawnOptions, spawn } from 'node:child_process';
import { after } from 'node:test';
import { command, until } from './harness.ts';

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
