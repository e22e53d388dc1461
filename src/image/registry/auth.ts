import { MydockerError } from '../../base/index.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import type { Credentials } from './credentials.ts';
import { type HttpAnswer, type HttpRequest, send } from './http.ts';

/*
 * How a registry is told who asks: distribution-spec and Docker's token page. A registry answers 401 with a
 * challenge; for Basic, name and password go with every request; for Bearer, a token server named in the challenge
 * gives a token for a scope ("repository:library/busybox:pull").
 */

const MAX_TOKEN_BYTES = 1024 * 1024;
/** Used up a little before it ends; a token without a lifetime has 60 seconds. */
const TOKEN_MARGIN_S = 10;
const DEFAULT_LIFETIME_S = 60;

interface Token {
  header: string;
  expiresMs: number;
}

/** Shared by all requests to one registry. */
export class Authorizer {
  private challenges: Challenge[] = [];
  private readonly tokens = new Map<string, Token>();

  constructor(
    private readonly host: string,
    private readonly credentials: Credentials | undefined,
    private readonly base: Pick<HttpRequest, 'idleTimeoutMs' | 'tls' | 'signal'>,
  ) {}

  /** Takes note of a 401's challenges; tokens given for earlier ones are forgotten. */
  challenge(answer: HttpAnswer): void {
    const challenges = parseChallenges(answer.headers['www-authenticate'] ?? '');
    if (challenges.length > 0) this.challenges = challenges;
    this.tokens.clear();
  }

  /** The Authorization header for a scope; undefined when the registry asked for none. */
  async header(scope: string | undefined): Promise<string | undefined> {
    const bearer = this.challenges.find(({ scheme }) => scheme === 'bearer');
    if (bearer !== undefined) return this.token(bearer, scope);
    const basic = this.challenges.some(({ scheme }) => scheme === 'basic');
    if (!basic) return undefined;
    if (this.credentials === undefined) throw unauthorized(this.host, 'it asks for a name and a password');
    if ('identityToken' in this.credentials) {
      throw unauthorized(this.host, 'it asks for a password, and only a token is known');
    }
    return basicHeader(this.credentials);
  }

  private async token(challenge: Challenge, scope: string | undefined): Promise<string> {
    const key = scope ?? '';
    const known = this.tokens.get(key);
    if (known !== undefined && known.expiresMs > Date.now()) return known.header;
    const { token, lifetimeS } = await this.askToken(challenge, scope);
    const header = `Bearer ${token}`;
    this.tokens.set(key, { header, expiresMs: Date.now() + (lifetimeS - TOKEN_MARGIN_S) * 1000 });
    return header;
  }

  private async askToken(
    challenge: Challenge,
    scope: string | undefined,
  ): Promise<{ token: string; lifetimeS: number }> {
    const { realm = '', service } = challenge.parameters;
    if (!/^https?:\/\//.test(realm)) throw unauthorized(this.host, 'its challenge names no token server');
    const fields = new URLSearchParams();
    if (service !== undefined) fields.set('service', service);
    for (const one of scope?.split(' ') ?? []) fields.append('scope', one);
    const answer = await send({ ...this.base, ...this.tokenRequest(realm, fields) });
    if (answer.status === 401 || answer.status === 403) {
      answer.discard();
      throw unauthorized(
        this.host,
        this.credentials === undefined ? 'it wants to know who asks' : 'name or password are wrong',
      );
    }
    const text = (await answer.bytes(MAX_TOKEN_BYTES)).toString('utf8');
    if (answer.status !== 200) {
      throw new MydockerError(
        'REGISTRY_ANSWER',
        `the token server of ${this.host} answers with status ${answer.status}`,
        {
          subject: new URL(realm).host,
          remedy: 'try again later',
        },
      );
    }
    const value = parseToken(text);
    if (value === undefined) throw unauthorized(this.host, 'its token server’s answer holds no token');
    return value;
  }

  private tokenRequest(
    realm: string,
    fields: URLSearchParams,
  ): Pick<HttpRequest, 'method' | 'url' | 'headers' | 'body'> {
    const { credentials } = this;
    if (credentials !== undefined && 'identityToken' in credentials) {
      fields.set('grant_type', 'refresh_token');
      fields.set('refresh_token', credentials.identityToken);
      fields.set('client_id', 'mydocker');
      // An OAuth2 form holds the scopes as one field.
      const scopes = fields.getAll('scope');
      if (scopes.length > 0) fields.set('scope', scopes.join(' '));
      const body = Buffer.from(fields.toString());
      const headers = {
        'content-type': 'application/x-www-form-urlencoded',
        'content-length': String(body.length),
      };
      return { method: 'POST', url: realm, headers, body };
    }
    const url = new URL(realm);
    for (const [name, value] of fields) url.searchParams.append(name, value);
    if (credentials !== undefined) url.searchParams.set('account', credentials.user);
    const headers = credentials === undefined ? {} : { authorization: basicHeader(credentials) };
    return { method: 'GET', url: url.href, headers };
  }
}

function basicHeader(credentials: { user: string; password: string }): string {
  return `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')}`;
}

function parseToken(text: string): { token: string; lifetimeS: number } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
  const { token, access_token: access, expires_in: lifetime } = (value ?? {}) as Record<string, unknown>;
  const found = typeof token === 'string' && token !== '' ? token : access;
  if (typeof found !== 'string' || !/^[\x21-\x7e]+$/.test(found)) return undefined;
  return {
    token: found,
    lifetimeS: typeof lifetime === 'number' && lifetime > 0 ? lifetime : DEFAULT_LIFETIME_S,
  };
}

/** The error for a registry that does not let us in. */
export function unauthorized(host: string, why: string): MydockerError {
  return new MydockerError('UNAUTHORIZED', `the registry ${host} refuses: ${why}`, {
    subject: host,
    remedy: `log in with "mydocker login ${host}"`,
    exitCode: 1,
  });
}
