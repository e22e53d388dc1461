import { isIP } from 'node:net';
import { MydockerError, sleep } from '../../base/index.ts';
import { Authorizer, unauthorized } from './auth.ts';
import type { RegistryConfig } from './config.ts';
import type { Credentials } from './credentials.ts';
import { ConnectionError, type HttpAnswer, type HttpRequest, send } from './http.ts';
import { delayMs, MAX_ATTEMPTS, MAX_SILENCES, retryAfterMs } from './retry.ts';
import { type TlsFiles, tlsFor } from './tls.ts';

/** What a client of one registry is made from. */
export interface ClientOptions {
  /** "docker.io", "localhost:5000". */
  host: string;
  config: RegistryConfig;
  /** Plain HTTP and unknown certificates are taken; by default for this machine's own addresses only. */
  insecure?: boolean | undefined;
  credentials?: Credentials | undefined;
  signal?: AbortSignal | undefined;
  /** Called before each repetition. */
  onRetry?: ((why: string) => void) | undefined;
}

/** One request to the registry. */
export interface Call {
  method: string;
  /** Below the registry's address: "/v2/…"; or a whole address it gave us (Location). */
  path: string;
  scope?: string | undefined;
  headers?: Record<string, string>;
  body?: Uint8Array | undefined;
  /** A body that can be sent again: opened anew for each attempt. */
  open?: () => AsyncIterable<Uint8Array>;
  /** Statuses the caller understands; all others throw. */
  accept: readonly number[];
}

/** Where Docker's own registry really answers. */
const DOCKER_IO_API = 'registry-1.docker.io';
const USER_AGENT = 'mydocker';
const MAX_REDIRECTS = 5;
const MAX_ERROR_BYTES = 64 * 1024;

/** True for names and addresses of this machine itself. */
export function isLocal(host: string): boolean {
  const name = host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  if (name === 'localhost' || name === '::1') return true;
  return isIP(name) === 4 && name.startsWith('127.');
}

/** A client of one registry: finds out how it is reached, shows who asks, tries again. */
export class RegistryClient {
  readonly host: string;
  private readonly authorizer: Authorizer;
  private readonly tls: TlsFiles;
  private readonly insecure: boolean;
  private base: Promise<string> | undefined;

  constructor(private readonly options: ClientOptions) {
    const { host, config } = options;
    this.host = host;
    const isAsked = options.insecure ?? config.registries[host]?.insecure === true;
    this.insecure = isAsked || isLocal(host);
    // This machine's own addresses may do without encryption; a certificate they show must still be a known one.
    this.tls = tlsFor(host, isAsked);
    this.authorizer = new Authorizer(host, options.credentials, this.common());
  }

  private common(): Pick<HttpRequest, 'idleTimeoutMs' | 'tls' | 'signal'> {
    const { config, signal } = this.options;
    return { idleTimeoutMs: config.timeoutMs, tls: this.tls, signal };
  }

  /** Carries out a call, with repetitions after 429, 5xx and cut connections. Throws MydockerError. */
  async call(call: Call): Promise<HttpAnswer> {
    return this.retrying(() => this.once(call));
  }

  /** Carries out a call, asking once more when it turns out that we must say who we are. For use within retrying(). */
  async once(call: Call): Promise<HttpAnswer> {
    const base = await this.address();
    const url = /^https?:/.test(call.path) ? call.path : `${base}${call.path}`;
    const first = await this.follow(call, url, new URL(base));
    if (first.status !== 401 || call.accept.includes(401)) return this.checked(call, first);
    first.discard();
    this.authorizer.challenge(first);
    const second = await this.follow(call, url, new URL(base));
    if (second.status !== 401) return this.checked(call, second);
    second.discard();
    const isKnown = this.options.credentials !== undefined;
    throw unauthorized(this.host, isKnown ? 'name or password are wrong' : 'it wants to know who asks');
  }

  /** `act` again while its failures may pass by themselves. `progress` tells that the last attempt got further. */
  async retrying<T>(act: () => Promise<T>, progress: () => boolean = () => false): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await act();
      } catch (error) {
        this.options.signal?.throwIfAborted();
        const wait = waitFor(error);
        if (progress()) attempt = 1;
        if (wait === undefined || attempt >= wait.attempts) throw this.said(error);
        const ms = wait.afterMs ?? delayMs(attempt, this.options.config.retryBaseMs, Math.random());
        this.options.onRetry?.(wait.why);
        await sleep(ms, this.options.signal);
        this.options.signal?.throwIfAborted();
      }
    }
  }

  /** The registry's address. An insecure one may answer by plain HTTP: asked after HTTPS. */
  address(): Promise<string> {
    this.base ??= this.findAddress().catch((error: unknown) => {
      this.base = undefined;
      throw error;
    });
    return this.base;
  }

  private async findAddress(): Promise<string> {
    const host = this.host === 'docker.io' ? DOCKER_IO_API : this.host;
    const schemes = this.insecure ? ['https', 'http'] : ['https'];
    let failure: unknown;
    for (const scheme of schemes) {
      const base = `${scheme}://${host}`;
      try {
        const answer = await send({
          ...this.common(),
          method: 'GET',
          url: `${base}/v2/`,
          headers: { 'user-agent': USER_AGENT },
        });
        answer.discard();
        if (answer.status === 401) this.authorizer.challenge(answer);
        return base;
      } catch (error) {
        failure ??= error;
        if (!(error instanceof ConnectionError) || !mayBePlain(error)) throw error;
      }
    }
    throw failure;
  }

  private async follow(call: Call, start: string, registry: URL): Promise<HttpAnswer> {
    const authorization = await this.authorizer.header(call.scope);
    let url = start;
    for (let hops = 0; ; hops++) {
      const own = new URL(url).host === registry.host;
      const headers = {
        'user-agent': USER_AGENT,
        ...call.headers,
        // Whoever we are sent on to is not told who we are: the address itself says what it may give.
        ...(authorization === undefined || !own ? {} : { authorization }),
      };
      const body = call.open?.() ?? call.body;
      const answer = await send({ ...this.common(), method: call.method, url, headers, body });
      const { location } = answer.headers;
      const isRedirect = [301, 302, 303, 307, 308].includes(answer.status) && location !== undefined;
      if (!isRedirect || call.accept.includes(answer.status)) return answer;
      answer.discard();
      const next = new URL(location, url);
      if (hops >= MAX_REDIRECTS) throw this.odd('sends us on and on');
      if (registry.protocol === 'https:' && next.protocol !== 'https:' && !this.insecure) {
        throw this.odd(`sends us on to ${next.host} without encryption`);
      }
      url = next.href;
    }
  }

  private async checked(call: Call, answer: HttpAnswer): Promise<HttpAnswer> {
    if (call.accept.includes(answer.status)) return answer;
    const said = await answer.bytes(MAX_ERROR_BYTES).then(errorText, () => '');
    if (answer.status === 429 || answer.status >= 500) {
      throw new BusyError(answer.status, said, retryAfterMs(answer.headers['retry-after'], Date.now()));
    }
    if (answer.status === 401 || answer.status === 403) {
      throw unauthorized(this.host, said === '' ? 'access is denied' : said);
    }
    throw this.odd(
      `answers ${call.method} ${new URL(call.path, 'http://x').pathname} with status ${answer.status}${said === '' ? '' : `: ${said}`}`,
    );
  }

  private odd(what: string): MydockerError {
    return new MydockerError('REGISTRY_ANSWER', `the registry ${this.host} ${what}`, {
      subject: this.host,
      remedy: 'check that its address is that of a registry, and ask whoever runs it',
    });
  }

  /** A failure in the words of this registry. */
  private said(error: unknown): unknown {
    if (error instanceof BusyError) {
      const words = error.status === 429 ? 'too many requests' : `status ${error.status}`;
      return new MydockerError(
        'REGISTRY_BUSY',
        `the registry ${this.host} does not serve us: ${words}${error.said === '' ? '' : ` (${error.said})`}`,
        {
          subject: this.host,
          remedy: 'try again later',
          cause: error,
        },
      );
    }
    if (!(error instanceof ConnectionError)) return error;
    // What TLS makes of an answer that is no TLS.
    if (/wrong.version.number/i.test(error.message))
      return new MydockerError(
        'REGISTRY_UNREACHABLE',
        `the registry ${this.host} speaks plain HTTP, not TLS`,
        {
          subject: this.host,
          remedy: 'give --insecure if that is meant, or see "insecure" in the configuration file',
          cause: error,
        },
      );
    if (error.errno === 'EPROTO') return this.odd(`cannot be used: ${error.message}`);
    return new MydockerError(
      'REGISTRY_UNREACHABLE',
      `cannot reach the registry ${this.host}: ${error.message}`,
      {
        subject: this.host,
        ...(error.errno === undefined ? {} : { errno: error.errno }),
        remedy: 'check the name, the network and the proxy',
        cause: error,
      },
    );
  }
}

/** False when plain HTTP would fail as well: nobody listens there, or who answered does speak TLS. */
function mayBePlain(error: ConnectionError): boolean {
  return !/refused|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|CERT|SIGNATURE|ISSUER/i.test(error.errno ?? '');
}

/** 429 or 5xx. */
class BusyError extends Error {
  constructor(
    readonly status: number,
    readonly said: string,
    readonly afterMs: number | undefined,
  ) {
    super(`status ${status}`);
  }
}

/** Whether a failure may pass by itself, and how often it is worth to see. */
function waitFor(error: unknown): { why: string; attempts: number; afterMs?: number } | undefined {
  if (error instanceof BusyError) {
    const { status, afterMs } = error;
    const why = `status ${status}`;
    return { why, attempts: MAX_ATTEMPTS, ...(afterMs === undefined ? {} : { afterMs }) };
  }
  if (!(error instanceof ConnectionError && error.retryable)) return undefined;
  const attempts = error.errno === 'ETIMEDOUT' ? MAX_SILENCES : MAX_ATTEMPTS;
  return { why: error.message, attempts };
}

/** What a registry says of an error: distribution-spec § Error Codes. One line, cut. */
function errorText(bytes: Buffer): string {
  try {
    const { errors } = JSON.parse(bytes.toString('utf8')) as {
      errors?: Array<{ code?: unknown; message?: unknown }>;
    };
    const [first] = errors ?? [];
    const words = String(first?.message ?? first?.code ?? '');
    return words.replace(/[^\x20-\x7e\u00a0-\uffff]+/g, ' ').slice(0, 200);
  } catch {
    return '';
  }
}
