import { readConfig } from './registry/config.ts';
import { type Credentials, storeCredentials } from './registry/credentials.ts';
import { clientFor } from './remote.ts';

/** Tries the credentials with the registry, and keeps them if it lets us in. Throws UNAUTHORIZED, REGISTRY_UNREACHABLE. */
export async function login(
  host: string,
  credentials: Credentials,
  options: { insecure?: boolean | undefined; signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const client = clientFor(
    { reference: host, config: readConfig(), credentialsFor: () => credentials, ...options },
    host,
  );
  const answer = await client.call({ method: 'GET', path: '/v2/', accept: [200] });
  answer.discard();
  storeCredentials(host, credentials);
}

export { eraseCredentials as logout } from './registry/credentials.ts';
