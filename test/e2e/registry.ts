/** A real registry (Debian's docker-registry) on this machine, as tests need it: open, with a password, TLS, tokens. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type Server } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { until } from './harness.ts';

export const USER = 'anna';
export const PASSWORD = 'a secret: with colon';

/** What a registry shall ask for. */
export interface RegistryOptions {
  auth?: 'basic' | 'token';
  tls?: boolean;
}

const [PORTS_FROM, PORTS] = [20_000, 12_000];
/** Each test file has its own to try first: those that run at the same time have pids near each other. */
let tried = process.pid * 64;

/** A port nobody uses just now, and that the kernel gives to no connection either: ip(7), ip_local_port_range. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = PORTS_FROM + (tried++ % PORTS);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}

const openssl = (cwd: string, ...args: string[]): void => {
  execFileSync('openssl', args, { cwd, stdio: 'ignore' });
};

/** ca.crt, server.crt and server.key for 127.0.0.1. */
function makeCertificates(directory: string): void {
  writeFileSync(`${directory}/ext`, 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
  const subject = (name: string): string[] => ['-subj', `/CN=${name}`];
  openssl(
    directory,
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    ...subject('ca'),
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
  );
  openssl(
    directory,
    'req',
    '-newkey',
    'rsa:2048',
    '-nodes',
    ...subject('127.0.0.1'),
    '-keyout',
    'server.key',
    '-out',
    'server.csr',
  );
  const signing = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'ext'];
  openssl(directory, 'x509', '-req', '-in', 'server.csr', ...signing, '-out', 'server.crt');
}

const base64 = (data: string | Buffer): string => Buffer.from(data).toString('base64url');

/** libtrust's fingerprint of a public key: what docker-registry looks a token's key up by. */
function keyId(spki: Buffer): string {
  const bits = createHash('sha256').update(spki).digest().subarray(0, 30);
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  let text = '';
  for (let i = 0; i < 240; i += 5) {
    let value = 0;
    for (let j = i; j < i + 5; j++) value = (value << 1) | (((bits[j >> 3] ?? 0) >> (7 - (j & 7))) & 1);
    text += alphabet[value];
  }
  return (text.match(/.{4}/g) ?? []).join(':');
}

/** A token server: gives a token for every scope to whoever knows the password, `pull` to anybody. */
class TokenServer {
  readonly server: Server;
  requests = 0;

  constructor(
    readonly directory: string,
    private readonly service: string,
  ) {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    writeFileSync(`${directory}/token.key`, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    openssl(
      directory,
      'req',
      '-x509',
      '-key',
      'token.key',
      '-days',
      '2',
      '-subj',
      '/CN=token',
      '-out',
      'token.crt',
    );
    const kid = keyId(publicKey.export({ type: 'spki', format: 'der' }));
    this.server = createHttpServer((request, response) => {
      this.requests++;
      const url = new URL(request.url ?? '/', 'http://x');
      const basic = `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString('base64')}`;
      const { authorization } = request.headers;
      if (authorization !== undefined && authorization !== basic) {
        response.writeHead(401).end('{}');
        return;
      }
      const access = url.searchParams.getAll('scope').map((scope) => {
        const [type, name, actions = ''] = scope.split(':');
        const allowed = actions
          .split(',')
          .filter((action) => authorization !== undefined || action === 'pull');
        return { type, name, actions: allowed };
      });
      const now = Math.floor(Date.now() / 1000);
      const head = base64(JSON.stringify({ typ: 'JWT', alg: 'RS256', kid }));
      const times = { iat: now, nbf: now - 5, exp: now + 60 };
      const claims = { iss: 'test', sub: '', aud: this.service, ...times, jti: randomUUID(), access };
      const body = `${head}.${base64(JSON.stringify(claims))}`;
      const token = `${body}.${base64(sign('sha256', Buffer.from(body), privateKey))}`;
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ token, expires_in: 60 }));
    });
  }
}

/** A running registry. */
export class Registry {
  private constructor(
    private readonly directory: string,
    private readonly child: ChildProcess,
    /** "127.0.0.1:PORT". */
    readonly host: string,
    /** PEM file of the authority that signed its certificate. */
    readonly ca: string,
    readonly tokens: TokenServer | undefined,
  ) {}

  static async start(options: RegistryOptions = {}): Promise<Registry> {
    const directory = mkdtempSync('/var/tmp/mydocker-registry-');
    const port = await freePort();
    const host = `127.0.0.1:${port}`;
    mkdirSync(`${directory}/data`);
    const tls =
      options.tls === true
        ? { certificate: `${directory}/server.crt`, key: `${directory}/server.key` }
        : undefined;
    if (tls !== undefined) makeCertificates(directory);
    let auth: object | undefined;
    let tokens: TokenServer | undefined;
    if (options.auth === 'basic') {
      const line = execFileSync('htpasswd', ['-Bbn', USER, PASSWORD], { encoding: 'utf8' });
      writeFileSync(`${directory}/htpasswd`, line);
      auth = { htpasswd: { realm: 'test', path: `${directory}/htpasswd` } };
    } else if (options.auth === 'token') {
      tokens = new TokenServer(directory, 'test registry');
      await new Promise<void>((resolve) => tokens?.server.listen(0, '127.0.0.1', resolve));
      const realm = `http://127.0.0.1:${(tokens.server.address() as AddressInfo).port}/token`;
      auth = {
        token: { realm, service: 'test registry', issuer: 'test', rootcertbundle: `${directory}/token.crt` },
      };
    }
    const config = {
      version: 0.1,
      log: { accesslog: { disabled: false }, level: 'error' },
      storage: { filesystem: { rootdirectory: `${directory}/data` }, delete: { enabled: true } },
      http: { addr: host, ...(tls === undefined ? {} : { tls }) },
      ...(auth === undefined ? {} : { auth }),
    };
    // JSON is YAML.
    writeFileSync(`${directory}/config.yml`, JSON.stringify(config));
    const log = openSync(`${directory}/log`, 'a');
    const child = spawn('docker-registry', ['serve', `${directory}/config.yml`], {
      stdio: ['ignore', log, log],
      env: {},
    });
    closeSync(log);
    const registry = new Registry(directory, child, host, `${directory}/ca.crt`, tokens);
    await until('the registry listens', async () => {
      if (child.exitCode !== null) throw new Error(readFileSync(`${directory}/log`, 'utf8'));
      return registry.answers(options.tls === true);
    });
    return registry;
  }

  private async answers(tls: boolean): Promise<boolean> {
    const { connect } = await import('node:net');
    const port = Number(this.host.split(':')[1]);
    void tls;
    return new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      });
      socket.on('error', () => resolve(false));
    });
  }

  /** Requests it answered so far, "GET /v2/…" each: its access log. */
  requests(): string[] {
    const log = readFileSync(`${this.directory}/log`, 'utf8');
    return [...log.matchAll(/"([A-Z]+ \/v2\/\S*) HTTP\/[\d.]+" \d+/g)].map(([, request]) => request ?? '');
  }

  /** Waits until its access log has so many requests that begin like this: a line comes a moment after its answer. */
  async logged(count: number, request: string): Promise<void> {
    await until(
      `the log has ${count} of ${request}`,
      () => this.requests().filter((line) => line.startsWith(request)).length >= count,
    );
  }

  /** How many bytes of a repository's blobs it gave away so far. */
  blobBytes(repository: string): number {
    const log = readFileSync(`${this.directory}/log`, 'utf8');
    const given = log.matchAll(/"GET \/v2\/(\S+)\/blobs\/\S* HTTP\/[\d.]+" \d+ (\d+)/g);
    return [...given].reduce((sum, [, from, bytes]) => sum + (from === repository ? Number(bytes) : 0), 0);
  }

  /** The file a blob is kept in: to damage it. */
  blobFile(digest: string): string {
    const hex = digest.replace('sha256:', '');
    return `${this.directory}/data/docker/registry/v2/blobs/sha256/${hex.slice(0, 2)}/${hex}/data`;
  }

  /** Where what it knows of a repository lies: removed, it has never heard of it. Its blobs stay. */
  repositoryDirectory(repository: string): string {
    return `${this.directory}/data/docker/registry/v2/repositories/${repository}`;
  }

  async stop(): Promise<void> {
    const gone = new Promise((resolve) => this.child.once('exit', resolve));
    if (this.child.exitCode === null) this.child.kill('SIGKILL');
    else return this.clean();
    await gone;
    this.clean();
  }

  private clean(): void {
    this.tokens?.server.close();
    this.tokens?.server.closeAllConnections();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
