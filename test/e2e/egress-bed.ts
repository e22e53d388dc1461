/** What egress lists are tried with: another host that has names and servers, and a client that says what it gets. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { after } from 'node:test';
import { until } from './harness.ts';
import { NetHost, OTHER_IP, Server } from './network-host.ts';

/** Addresses of the other host that only names lead to. */
export const GOOD = '203.0.113.1';
export const BAD = '203.0.113.2';
export const GOOD6 = '2001:db8:7::1';
export const BAD6 = '2001:db8:7::2';
export const METADATA = '169.254.169.254';
const CONTAINERS6 = 'fd09';

/** Every port a server answers on: each line comes back, by TCP and by UDP. */
export const PORTS = [53, 80, 853];

const ECHO = `
import socket, sys, threading, socketserver
class Tcp(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line)
class Udp(socketserver.DatagramRequestHandler):
    def handle(self):
        self.wfile.write(self.rfile.read())
class Both:
    address_family = socket.AF_INET6
    allow_reuse_address = True
    daemon_threads = True
class TcpServer(Both, socketserver.ThreadingTCPServer): pass
class UdpServer(Both, socketserver.ThreadingUDPServer): pass
for port in map(int, sys.argv[2:]):
    for server in (TcpServer, UdpServer):
        threading.Thread(target=server((sys.argv[1], port), server is TcpServer and Tcp or Udp).serve_forever).start()
print('ready', flush=True)
`;

export class EgressHost extends NetHost {
  private readonly directory = mkdtempSync('/var/tmp/mydocker-egress-');
  readonly client = egressClient(this.directory);

  constructor() {
    super();
    after(() => rmSync(this.directory, { recursive: true, force: true }));
  }

  /** The other host's addresses, names and servers. */
  async open(): Promise<void> {
    const addresses = [`${GOOD}/32`, `${BAD}/32`, `${METADATA}/32`, `${GOOD6}/128`, `${BAD6}/128`];
    for (const address of addresses)
      await this.outside(
        'ip',
        'addr',
        'add',
        address,
        'dev',
        'lo',
        ...(address.includes(':') ? ['nodad'] : []),
      );
    await this.inside('ip', 'route', 'add', `${METADATA}/32`, 'via', OTHER_IP);
    const own = ['--keep-in-foreground', '--no-resolv', '--no-hosts', '--bind-interfaces', '--pid-file='];
    const log = [
      '--log-facility=/dev/null',
      '--user=root',
      '--conf-file=/dev/null',
      `--listen-address=${OTHER_IP}`,
    ];
    const names = [
      `--host-record=good.test,${GOOD},${GOOD6}`,
      `--host-record=bad.test,${BAD},${BAD6}`,
      `--host-record=deep.below.test,${GOOD}`,
      `--host-record=below.test,${BAD}`,
      `--host-record=meta.test,${METADATA}`,
      `--host-record=short.test,${GOOD},5`,
      `--host-record=long.test,${GOOD},999999`,
      // An HTTPS record (RFC 9460): priority 1, target ".", ipv4hint.
      '--dns-rr=good.test,65,00010000040004cb007102',
      '--cname=alias.test,next.test',
      '--cname=next.test,bad.test',
    ];
    new Server(this.other, 'dnsmasq', [...own, ...log, '--address=/test/', ...names]);
    // Port 53 of that address is dnsmasq's.
    const servers = [GOOD, BAD, METADATA].map(
      (ip) => new Server(this.other, 'python3', ['-c', ECHO, `::ffff:${ip}`, ...PORTS.map(String)]),
    );
    servers.push(
      ...[GOOD6, BAD6].map((ip) => new Server(this.other, 'python3', ['-c', ECHO, ip, ...PORTS.map(String)])),
    );
    for (const server of servers) await until('a server listens', () => server.output.includes('ready'));
    await until('names are answered', async () => {
      const { code } = await this.inside('dig', `@${OTHER_IP}`, '+tries=1', '+time=1', 'good.test');
      return code === 0;
    });
  }

  /** A running container with the client in it, and IPv6. */
  async limited(name: string, ...flags: string[]): Promise<string> {
    const id = await this.ok('run', '-d', '--name', name, ...this.flags, ...flags, 'busybox', 'sleep', '600');
    await this.giveIpv6(name);
    return id;
  }

  get flags(): string[] {
    return ['--dns', OTHER_IP, '-v', `${this.client}:/client:ro`];
  }

  /** The default network has IPv4 only. */
  async giveIpv6(name: string): Promise<void> {
    const last = (await this.ok('inspect', '-f', '{{.NetworkSettings.IPAddress}}', name)).split('.').at(-1);
    const bridge =
      (await this.inside('ip', '-o', 'link', 'show', 'type', 'bridge')).stdout.split(': ')[1] ?? '';
    await this.inside('sysctl', '-qw', `net.ipv6.conf.${bridge}.disable_ipv6=0`);
    await this.inside('ip', '-6', 'addr', 'add', `${CONTAINERS6}::ffff/64`, 'dev', bridge, 'nodad');
    await this.inside('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1');
    await this.outside('ip', '-6', 'route', 'replace', `${CONTAINERS6}::/64`, 'via', '2001:db8::2');
    await this.within(name, 'ip', '-6', 'addr', 'add', `${CONTAINERS6}::${last}/64`, 'dev', 'eth0', 'nodad');
    await this.within(name, 'ip', '-6', 'route', 'add', 'default', 'via', `${CONTAINERS6}::ffff`);
  }

  /** What the client in a container says: "answered", or the name of an errno or of a failed lookup. */
  async ask(name: string, ...words: string[]): Promise<string> {
    const { stdout, stderr } = await this.run(['exec', name, '/client', ...words]);
    return `${stdout}${stderr}`.trim();
  }

  /** Names and addresses that `network denied` shows, with their counts. */
  async denied(name: string): Promise<string[]> {
    const format = '{{.Kind}} {{.To}} {{.Protocol}} {{.Port}} {{.Count}}';
    const text = await this.ok('network', 'denied', '--format', format, name);
    return text
      .split('\n')
      .filter((line) => line !== '')
      .sort();
  }
}

/**
 * A program that needs nothing of the image:
 *   tcp|udp HOST PORT      connects, sends a line and waits for it to come back: "answered", or the errno
 *   hold HOST PORT         the same again for each line of standard input
 *   ping ADDRESS           one ICMP echo, as whoever has no raw sockets sends it
 *   packet|rawip|nft       what only raw sockets and the filter's owner may do
 *   newnet HOST PORT       tcp, in user and network namespaces of its own
 *   forge NAME ADDRESS     an answer nobody asked for, to the resolver
 */
function egressClient(directory: string): string {
  const source = `${directory}/client.c`;
  writeFileSync(source, CLIENT);
  execFileSync('musl-gcc', ['-static', '-O1', source, '-o', `${directory}/client`]);
  return `${directory}/client`;
}

const CLIENT = `#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *name_of(int err) {
  static char text[32];
  switch (err) {
    case ECONNREFUSED: return "ECONNREFUSED";
    case ECONNRESET: return "ECONNRESET";
    case EPIPE: return "EPIPE";
    case EPERM: return "EPERM";
    case EACCES: return "EACCES";
    case EHOSTUNREACH: return "EHOSTUNREACH";
    case ENETUNREACH: return "ENETUNREACH";
    case ETIMEDOUT: return "ETIMEDOUT";
  }
  snprintf(text, sizeof text, "errno %d", err);
  return text;
}

static int say(const char *text) { puts(text); fflush(stdout); return 0; }

static int exchange(int fd, const char *line) {
  char back[256];
  struct pollfd p = {.fd = fd, .events = POLLIN};
  if (send(fd, line, strlen(line), MSG_NOSIGNAL) < 0) return say(name_of(errno));
  if (poll(&p, 1, 20000) == 0) return say("silence");
  ssize_t n = recv(fd, back, sizeof back, 0);
  return say(n < 0 ? name_of(errno) : n == 0 ? "closed" : "answered");
}

static int ask(int type, char **arg, int hold) {
  struct addrinfo hints = {.ai_socktype = type}, *list;
  int failed = getaddrinfo(arg[0], arg[1], &hints, &list);
  if (failed) return say(gai_strerror(failed));
  int fd = socket(list->ai_family, type, 0);
  if (connect(fd, list->ai_addr, list->ai_addrlen) < 0) return say(name_of(errno));
  if (!hold) return exchange(fd, "hello\\n");
  char line[256];
  say("connected");
  while (fgets(line, sizeof line, stdin)) exchange(fd, line);
  return 0;
}

static int ping(const char *address) {
  struct sockaddr_in to = {.sin_family = AF_INET};
  char back[64];
  inet_pton(AF_INET, address, &to.sin_addr);
  int fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
  struct pollfd p = {.fd = fd, .events = POLLIN};
  if (fd < 0 || sendto(fd, "\\10\\0\\0\\0\\0\\0\\0\\1", 8, 0, (void *)&to, sizeof to) < 0) return say(name_of(errno));
  if (poll(&p, 1, 20000) == 0) return say("silence");
  return say(recv(fd, back, sizeof back, 0) < 0 ? name_of(errno) : "answered");
}

static int forge(char **arg) {
  unsigned char m[512] = {0x12, 0x34, 0x81, 0x80, 0, 1, 0, 1};
  size_t at = 12;
  for (const char *p = arg[0]; *p;) {
    size_t n = strcspn(p, ".");
    m[at++] = (unsigned char)n;
    memcpy(m + at, p, n);
    at += n;
    p += n + (p[n] == '.');
  }
  static const unsigned char question[] = {0, 0, 1, 0, 1}, record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0x0e, 0x10, 0, 4};
  memcpy(m + at, question, 5);
  memcpy(m + at + 5, record, 12);
  inet_pton(AF_INET, arg[1], m + at + 17);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = inet_addr("127.0.0.11")};
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  for (int i = 0; i < 1000; i++)
    if (sendto(fd, m, at + 21, 0, (void *)&to, sizeof to) < 0) return say(name_of(errno));
  return say("sent");
}

int main(int argc, char **argv) {
  const char *what = argv[1];
  if (!strcmp(what, "tcp")) return ask(SOCK_STREAM, argv + 2, 0);
  if (!strcmp(what, "udp")) return ask(SOCK_DGRAM, argv + 2, 0);
  if (!strcmp(what, "hold")) return ask(SOCK_STREAM, argv + 2, 1);
  if (!strcmp(what, "ping")) return ping(argv[2]);
  if (!strcmp(what, "forge")) return forge(argv + 2);
  if (!strcmp(what, "packet")) return say(socket(AF_PACKET, SOCK_RAW, 0) < 0 ? name_of(errno) : "opened");
  if (!strcmp(what, "rawip")) return say(socket(AF_INET, SOCK_RAW, IPPROTO_RAW) < 0 ? name_of(errno) : "opened");
  if (!strcmp(what, "newnet")) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) return say(name_of(errno));
    return ask(SOCK_STREAM, argv + 2, 0);
  }
  if (!strcmp(what, "nft")) {
    /* NFT_MSG_DELTABLE of all tables, between BATCH_BEGIN and BATCH_END. */
    struct { unsigned len; unsigned short type, flags; unsigned seq, pid; unsigned char family, version; unsigned short id; } m[3] = {
      {20, 16, 1, 1, 0, 0, 0, htons(10)}, {20, 10 << 8 | 2, 5, 2, 0, 1, 0, 0}, {20, 17, 1, 3, 0, 0, 0, htons(10)}};
    int answer[256] = {0}, fd = socket(AF_NETLINK, SOCK_RAW, 12);
    if (fd < 0 || send(fd, m, sizeof m, 0) < 0) return say(name_of(errno));
    if (recv(fd, answer, sizeof answer, 0) < 0) return say(name_of(errno));
    return say(answer[4] == 0 ? "flushed" : name_of(-answer[4]));
  }
  return 2;
}
`;
