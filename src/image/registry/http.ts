import type { IncomingMessage, RequestOptions } from 'node:http';
import { MydockerError } from '../../base/index.ts';
import type { TlsFiles } from './tls.ts';

/** What one HTTP request takes. */
export interface HttpRequest {
  method: string;
  url: string;
  headers?: Record<string, string> | undefined;
  /** Bytes in memory, or a stream with its length in the headers. */
  body?: Uint8Array | AsyncIterable<Uint8Array> | undefined;
  signal?: AbortSignal | undefined;
  /** Without a byte from the other side for this long, the request fails. */
  idleTimeoutMs: number;
  tls?: TlsFiles | undefined;
}

/** An answer whose body has not been read. */
export interface HttpAnswer {
  status: number;
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>;
  /** The body, at the pace it is read. Throws when it is cut short, or nothing comes for too long. */
  body(): AsyncIterable<Buffer>;
  /** The whole body. Throws MydockerError REGISTRY_ANSWER beyond `limit` bytes. */
  bytes(limit: number): Promise<Buffer>;
  /** Lets go of the body. */
  discard(): void;
}

/** A connection that failed, was cut or fell silent; `retryable`: the same again may work. */
export class ConnectionError extends Error {
  constructor(
    message: string,
    readonly errno: string | undefined,
    readonly retryable: boolean,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

const UNKNOWN_CERTIFICATE =
  'nobody known here signed its certificate (/etc/docker/certs.d holds those for single registries)';
const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there (connection refused)',
  ConnectionRefused: 'nobody listens there (connection refused)',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  ENOTFOUND: 'its name cannot be resolved',
  EAI_AGAIN: 'its name cannot be resolved: no name server answers',
  EHOSTUNREACH: 'there is no way to that host',
  ENETUNREACH: 'there is no network',
  ETIMEDOUT: 'it does not answer',
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_CERTIFICATE,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_CERTIFICATE,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_CERTIFICATE,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_CERTIFICATE,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_CERTIFICATE,
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
};
const RETRYABLE = new Set(['ECONNRESET', 'EPIPE', 'EAI_AGAIN', 'UND_ERR_SOCKET']);

/** Words for a failure below HTTP. */
export function connectionError(error: unknown): ConnectionError {
  if (error instanceof ConnectionError) return error;
  const { code, message } = error as { code?: unknown; message?: unknown };
  const errno = typeof code === 'string' ? code : undefined;
  const text = String(message ?? error);
  const cut = /hang up|socket connection was closed|aborted|terminated/i.test(text);
  const words = (errno === undefined ? undefined : WORDS[errno]) ?? (cut ? 'the connection was cut' : text);
  return new ConnectionError(words, errno, cut || (errno !== undefined && RETRYABLE.has(errno)), {
    cause: error,
  });
}

/** `answered`: it did say something before, and may do so again. */
function silent(idleMs: number, answered: boolean): ConnectionError {
  const seconds = Math.round(idleMs / 100) / 10;
  return new ConnectionError(`nothing came from it for ${seconds} seconds`, 'ETIMEDOUT', answered);
}

function headersOf(message: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(message.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : (value ?? ''),
    ]),
  );
}

/** Ends a wait when nothing happened for a while. */
class Watch {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly idleMs: number,
    private readonly answered: boolean,
    private readonly onSilence: (error: ConnectionError) => void,
  ) {
    this.touch();
  }

  touch(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.onSilence(silent(this.idleMs, this.answered)), this.idleMs);
  }

  stop(): void {
    clearTimeout(this.timer);
  }
}

function answerOf(message: IncomingMessage, request: HttpRequest): HttpAnswer {
  const headers = headersOf(message);
  async function* body(): AsyncGenerator<Buffer> {
    let late: ConnectionError | undefined;
    const watch = new Watch(request.idleTimeoutMs, true, (error) => {
      late = error;
      message.destroy(error);
    });
    let received = 0;
    try {
      for await (const chunk of message) {
        watch.stop();
        received += (chunk as Buffer).length;
        yield chunk as Buffer;
        watch.touch();
      }
    } catch (error) {
      if (request.signal?.aborted === true) throw request.signal.reason;
      throw late ?? connectionError(error);
    } finally {
      watch.stop();
      message.destroy();
    }
    const expected = Number(headers['content-length'] ?? Number.NaN);
    if (received < expected) {
      throw new ConnectionError(
        `the connection was cut after ${received} of ${expected} bytes`,
        'ECONNRESET',
        true,
      );
    }
  }
  return {
    status: message.statusCode ?? 0,
    headers,
    body,
    bytes: async (limit) => {
      const parts: Buffer[] = [];
      let size = 0;
      for await (const chunk of body()) {
        size += chunk.length;
        if (size > limit) {
          throw new MydockerError('REGISTRY_ANSWER', `${request.url} answers with more than ${limit} bytes`, {
            subject: request.url,
            remedy: 'that is more than an image needs; ask whoever made it',
          });
        }
        parts.push(chunk);
      }
      return Buffer.concat(parts);
    },
    discard: () => {
      message.resume();
      message.on('error', () => {});
    },
  };
}

/**
 * One request, without following redirects and without trying again. Throws ConnectionError when no answer comes;
 * every status is an answer.
 */
export async function send(request: HttpRequest): Promise<HttpAnswer> {
  request.signal?.throwIfAborted();
  const secure = request.url.startsWith('https:');
  const { request: start } = secure ? await import('node:https') : await import('node:http');
  const options: RequestOptions & TlsFiles = {
    method: request.method,
    headers: request.headers ?? {},
    ...(secure ? request.tls : {}),
  };
  return await new Promise((resolve, reject) => {
    let outgoing: ReturnType<typeof start>;
    const watch = new Watch(request.idleTimeoutMs, false, (error) => {
      fail(error);
      outgoing.destroy(error);
    });
    const abort = (): void => {
      fail(request.signal?.reason);
      outgoing.destroy();
    };
    const settle = (): void => {
      watch.stop();
      request.signal?.removeEventListener('abort', abort);
    };
    const fail = (error: unknown): void => {
      settle();
      reject(request.signal?.aborted === true ? request.signal.reason : connectionError(error));
    };
    outgoing = start(request.url, options, (message) => {
      settle();
      request.signal?.addEventListener('abort', () => message.destroy(), { once: true });
      resolve(answerOf(message, request));
    });
    outgoing.on('error', fail);
    request.signal?.addEventListener('abort', abort, { once: true });
    void writeBody(outgoing, request.body, () => watch.touch()).catch((error: unknown) => {
      fail(error);
      outgoing.destroy();
    });
  });
}

async function writeBody(
  outgoing: {
    write(data: Uint8Array): boolean;
    end(data?: Uint8Array): void;
    once(event: string, then: () => void): void;
    off(event: string, then: () => void): void;
  },
  body: HttpRequest['body'],
  touch: () => void,
): Promise<void> {
  if (body === undefined || body instanceof Uint8Array) {
    outgoing.end(body);
    return;
  }
  for await (const chunk of body) {
    touch();
    if (outgoing.write(chunk)) continue;
    await new Promise<void>((resolve) => {
      const go = (): void => {
        for (const event of ['drain', 'close', 'error']) outgoing.off(event, go);
        resolve();
      };
      for (const event of ['drain', 'close', 'error']) outgoing.once(event, go);
    });
  }
  outgoing.end();
}
