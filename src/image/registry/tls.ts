import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { errnoOf } from '../../base/index.ts';

/** What node:https takes beside the address. */
export interface TlsFiles {
  ca?: string[];
  cert?: string;
  key?: string;
  rejectUnauthorized?: boolean;
}

/** Certificates per registry, as Docker has them: DIR/HOST[:PORT]/{*.crt, NAME.cert, NAME.key}. */
const DIRECTORIES = ['/etc/mydocker/certs.d', '/etc/docker/certs.d', '/etc/containers/certs.d'];
/** The host's own list, which runtimes do not read by themselves. */
const SYSTEM = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt'];

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return [];
    throw error;
  }
}

/** The certificates for a registry ("host" or "host:port"). `insecure`: its own is not checked. */
export function tlsFor(host: string, insecure: boolean): TlsFiles {
  if (insecure) return { rejectUnauthorized: false };
  const system = SYSTEM.find((path) => existsSync(path));
  const ca = system === undefined ? [] : [readFileSync(system, 'utf8')];
  const files: TlsFiles = {};
  for (const directory of DIRECTORIES.map((base) => `${base}/${host}`)) {
    const names = namesIn(directory);
    for (const name of names.filter((one) => one.endsWith('.crt'))) {
      ca.push(readFileSync(`${directory}/${name}`, 'utf8'));
    }
    const cert = names.find((one) => one.endsWith('.cert'));
    const key = cert?.replace(/\.cert$/, '.key');
    if (cert === undefined || key === undefined || !names.includes(key)) continue;
    files.cert = readFileSync(`${directory}/${cert}`, 'utf8');
    files.key = readFileSync(`${directory}/${key}`, 'utf8');
  }
  return ca.length === 0 ? files : { ...files, ca };
}
