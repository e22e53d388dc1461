/** A proxy in front of a registry that plays a bad network: it stands where the registry's address is expected. */
import {
  Agent,
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

/** What goes wrong with one answer; undefined: nothing. */
export type Fault =
  /** The connection ends after so many bytes of the body. */
  | { kind: 'cut'; afterBytes: number }
  /** The header promises so many bytes more than come. */
  | { kind: 'length'; moreBytes: number }
  /** One byte is another. */
  | { kind: 'flip'; atByte: number }
  | { kind: 'status'; status: number; retryAfterS?: number }
  /** No answer, ever. */
  | { kind: 'silent' }
  /** The body begins and then stops, with the connection open. */
  | { kind: 'stall'; afterBytes: number }
  /** So many bytes at a time, with a pause between. */
  | { kind: 'slow'; bytes: number; pauseMs: number }
  /** A Range is not heeded. */
  | { kind: 'whole' };

export class BadNetwork {
  /** Decides, request by request. `seen`: how many of this method and path came before. */
  fault: (method: string, path: string, seen: number) => Fault | undefined = () => undefined;
  /** "GET /v2/… [range]" of all requests. */
  readonly requests: string[] = [];
  private readonly seen = new Map<string, number>();

  private constructor(
    private readonly server: Server,
    readonly host: string,
  ) {}

  static async before(upstream: string): Promise<BadNetwork> {
    const agent = new Agent({ keepAlive: true });
    let network: BadNetwork;
    const server = createServer((incoming, outgoing) => network.pass(upstream, agent, incoming, outgoing));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    network = new BadNetwork(server, `127.0.0.1:${(server.address() as AddressInfo).port}`);
    return network;
  }

  private pass(upstream: string, agent: Agent, incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { method = 'GET', url = '/', headers } = incoming;
    const [path = ''] = url.split('?');
    const key = `${method} ${path}`;
    const seen = this.seen.get(key) ?? 0;
    this.seen.set(key, seen + 1);
    this.requests.push(headers.range === undefined ? key : `${key} ${headers.range}`);
    const fault = this.fault(method, path, seen);
    if (fault?.kind === 'silent') return;
    if (fault?.kind === 'status') {
      const after = fault.retryAfterS === undefined ? {} : { 'retry-after': String(fault.retryAfterS) };
      incoming.resume();
      outgoing.writeHead(fault.status, after).end('{"errors":[{"code":"TEST","message":"a test"}]}');
      return;
    }
    const sent = { ...headers, host: upstream };
    if (fault?.kind === 'whole') delete sent.range;
    const onward = request(`http://${upstream}${url}`, { method, headers: sent, agent }, (answer) => {
      void this.answer(answer, outgoing, fault);
    });
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  }

  private async answer(
    answer: IncomingMessage,
    outgoing: ServerResponse,
    fault: Fault | undefined,
  ): Promise<void> {
    const headers = { ...answer.headers };
    if (fault?.kind === 'length')
      headers['content-length'] = String(Number(headers['content-length'] ?? 0) + fault.moreBytes);
    // Redirects and upload sessions lead back through here.
    if (typeof headers.location === 'string')
      headers.location = headers.location.replace(/^http:\/\/[^/]+/, '');
    outgoing.writeHead(answer.statusCode ?? 502, headers);
    let at = 0;
    const write = (bytes: Buffer): Promise<void> =>
      new Promise((resolve) => {
        if (outgoing.write(bytes) || outgoing.destroyed) resolve();
        else {
          outgoing.once('drain', resolve);
          outgoing.once('close', resolve);
        }
      });
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      let bytes = chunk;
      if (fault?.kind === 'flip' && fault.atByte >= at && fault.atByte < at + bytes.length) {
        bytes = Buffer.from(bytes);
        bytes[fault.atByte - at] = (bytes[fault.atByte - at] ?? 0) ^ 0xff;
      }
      if ((fault?.kind === 'cut' || fault?.kind === 'stall') && at + bytes.length > fault.afterBytes) {
        await write(bytes.subarray(0, fault.afterBytes - at));
        // What was written must leave before the connection goes.
        if (fault.kind === 'cut') setTimeout(() => outgoing.destroy(), 20);
        return;
      }
      if (fault?.kind === 'slow') {
        for (let done = 0; done < bytes.length; done += fault.bytes) {
          await write(bytes.subarray(done, done + fault.bytes));
          await new Promise((resolve) => setTimeout(resolve, fault.pauseMs));
        }
      } else await write(bytes);
      at += bytes.length;
    }
    if (fault?.kind === 'length') setTimeout(() => outgoing.destroy(), 20);
    else outgoing.end();
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
