import { badInput, excerpt, type MydockerError } from '../base/index.ts';
import { type Digest, isDigest } from '../storage/index.ts';

/** An image reference, parsed once. Grammar: distribution/reference, as Docker uses it. */
export interface Reference {
  /** "docker.io", "localhost:5000". */
  readonly domain: string;
  /** "library/busybox". */
  readonly path: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

const DEFAULT_DOMAIN = 'docker.io';
const DEFAULT_NAMESPACE = 'library';
const DEFAULT_TAG = 'latest';
const MAX_NAME_LENGTH = 255;

const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const DOMAIN_PART = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const DOMAIN = new RegExp(`^(?:${DOMAIN_PART}(?:\\.${DOMAIN_PART})*|\\[[0-9a-fA-F:]+\\])(?::[0-9]+)?$`);
const IMAGE_ID = /^[0-9a-f]{64}$/;
const TAG = /^\w[\w.-]{0,127}$/;

function invalid(text: string, why: string): MydockerError {
  return badInput(`invalid reference format: "${excerpt(text)}": ${why}`, {
    subject: excerpt(text),
    remedy: 'write it as [host[:port]/]name[:tag], for example "busybox" or "localhost:5000/team/app:v1"',
  });
}

/** A first component is a host only if it cannot be a name: "a/b" is docker.io/a/b, "a.b/c" is on host a.b. */
function splitDomain(name: string): [domain: string, path: string] {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const isDomain = /[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase();
  const domain = isDomain ? first : DEFAULT_DOMAIN;
  const path = isDomain ? name.slice(slash + 1) : name;
  if (domain === 'index.docker.io' || domain === DEFAULT_DOMAIN) {
    return [DEFAULT_DOMAIN, path.includes('/') ? path : `${DEFAULT_NAMESPACE}/${path}`];
  }
  return [domain, path];
}

function checkName(text: string, domain: string, path: string): void {
  if (!DOMAIN.test(domain)) throw invalid(text, `"${excerpt(domain)}" is no host name`);
  for (const part of path.split('/')) {
    if (part === '') throw invalid(text, 'a part of its name is empty');
    if (part !== part.toLowerCase()) throw invalid(text, 'a repository name must be in lower case');
    if (!COMPONENT.test(part)) {
      throw invalid(
        text,
        `"${excerpt(part)}" may hold letters, digits and single separators (. _ -) between them`,
      );
    }
  }
  if (domain.length + path.length + 1 > MAX_NAME_LENGTH) {
    throw invalid(text, `its name is longer than ${MAX_NAME_LENGTH} characters`);
  }
}

/** Parses what a user typed. Without a tag the result has none: see canonicalName. Throws BAD_INPUT. */
export function parseReference(text: string): Reference {
  if (text === '') throw invalid(text, 'it is empty');
  if (IMAGE_ID.test(text)) throw invalid(text, 'a name cannot be 64 hex digits: that is an image id');
  const at = text.indexOf('@');
  const digest = at < 0 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !isDigest(digest))
    throw invalid(text, 'a digest is "sha256:" and 64 hex digits');
  const head = at < 0 ? text : text.slice(0, at);
  const colon = head.indexOf(':', head.lastIndexOf('/') + 1);
  const tag = colon < 0 ? undefined : head.slice(colon + 1);
  if (tag !== undefined && !TAG.test(tag)) {
    throw invalid(text, 'a tag is 1 to 128 letters, digits, "_", "." or "-", and begins with none of ". -"');
  }
  const [domain, path] = splitDomain(colon < 0 ? head : head.slice(0, colon));
  checkName(text, domain, path);
  return { domain, path, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
}

/** "busybox", "team/app", "localhost:5000/app": the name without tag and digest, as short as it can be written. */
export function familiarRepository(reference: Reference): string {
  const { domain, path } = reference;
  const whole = `${domain}/${path}`;
  if (domain !== DEFAULT_DOMAIN) return whole;
  const prefix = `${DEFAULT_NAMESPACE}/`;
  const rest = path.slice(prefix.length);
  const short = path.startsWith(prefix) && !rest.includes('/') ? rest : path;
  // "docker.io/a.b/c" without its host would be an image of the host a.b; 64 hex digits would be an id.
  const [otherDomain, otherPath] = splitDomain(short);
  return otherDomain === domain && otherPath === path && !IMAGE_ID.test(short) ? short : whole;
}

/** The tag, "latest" when none was given. */
export function tagOf(reference: Reference): string {
  return reference.tag ?? DEFAULT_TAG;
}

/** As users write it, its tag only unless latest: "busybox", "foo:v1". */
export function familiarName(reference: Reference): string {
  const tag = tagOf(reference);
  return familiarRepository(reference) + (tag === DEFAULT_TAG ? '' : `:${tag}`);
}

/** Full name with its tag: "docker.io/library/busybox:latest". Two references name one image if these are equal. */
export function canonicalName(reference: Reference): string {
  return `${reference.domain}/${reference.path}:${tagOf(reference)}`;
}
