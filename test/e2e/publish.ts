/** Images made for tests, layer by layer, put into a registry by plain requests. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { gzipSync } from 'node:zlib';
import { PASSWORD, USER } from './registry.ts';

/** A registry's "host:port" to publish to; with the tests' user when it is closed, without checks when it has TLS. */
export class Publisher {
  constructor(
    private readonly host: string,
    private readonly scheme: 'http' | 'https' = 'http',
  ) {}

  /** One request; the answer's body whole. */
  private async ask(
    method: string,
    path: string,
    body?: Buffer,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: Buffer }> {
    const sent = {
      ...headers,
      ...(body === undefined ? {} : { 'content-length': String(body.length) }),
      authorization: `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString('base64')}`,
    };
    const isSecure = this.scheme === 'https';
    return new Promise((resolve, reject) => {
      const url = path.startsWith('http') ? path : `${this.scheme}://${this.host}${path}`;
      const options = { method, headers: sent, ...(isSecure ? { rejectUnauthorized: false } : {}) };
      const request = (isSecure ? httpsRequest : httpRequest)(url, options, (message) => {
        const chunks: Buffer[] = [];
        message.on('data', (chunk: Buffer) => chunks.push(chunk));
        message.on('error', reject);
        message.on('end', () => {
          const { statusCode = 0, headers: received } = message;
          resolve({ status: statusCode, headers: received, body: Buffer.concat(chunks) });
        });
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  async putBlob(repository: string, bytes: Buffer): Promise<Descriptor> {
    const digest = digestOf(bytes);
    const begun = await this.ask('POST', `/v2/${repository}/blobs/uploads/`, Buffer.alloc(0));
    assert.equal(begun.status, 202, begun.body.toString());
    const location = String(begun.headers.location);
    const to = `${location}${location.includes('?') ? '&' : '?'}digest=${digest}`;
    const put = await this.ask('PUT', to, bytes, { 'content-type': 'application/octet-stream' });
    assert.equal(put.status, 201, put.body.toString());
    return { digest, size: bytes.length };
  }

  async putManifest(repository: string, tag: string, mediaType: string, value: object): Promise<Descriptor> {
    const bytes = Buffer.from(JSON.stringify(value));
    const put = await this.ask('PUT', `/v2/${repository}/manifests/${tag}`, bytes, {
      'content-type': mediaType,
    });
    assert.equal(put.status, 201, put.body.toString());
    return { mediaType, digest: digestOf(bytes), size: bytes.length };
  }

  /** Stores an image of these layers under a tag. */
  async publish(repository: string, tag: string, image: TestImage): Promise<Descriptor> {
    const docker = image.docker === true;
    const layers = [];
    for (const { blob, mediaType } of image.layers) {
      layers.push({
        mediaType: mediaType ?? (docker ? DOCKER.layer : OCI.layer),
        ...(await this.putBlob(repository, blob)),
      });
    }
    const file = {
      created: '2024-01-02T03:04:05Z',
      architecture: image.platform?.architecture ?? HOST_ARCHITECTURE,
      os: image.platform?.os ?? 'linux',
      ...(image.platform?.variant === undefined ? {} : { variant: image.platform.variant }),
      config: { Env: ['PATH=/bin'], Cmd: ['/bin/sh'], ...image.config },
      rootfs: { type: 'layers', diff_ids: image.layers.map(({ diffId }) => diffId) },
    };
    const config = {
      mediaType: docker ? DOCKER.config : OCI.config,
      ...(await this.putBlob(repository, Buffer.from(JSON.stringify(file)))),
    };
    const mediaType = docker ? DOCKER.manifest : OCI.manifest;
    return this.putManifest(repository, tag, mediaType, { schemaVersion: 2, mediaType, config, layers });
  }
}

export interface Descriptor {
  mediaType?: string;
  digest: string;
  size: number;
}

/** An image to be published. */
export interface TestImage {
  layers: readonly TestLayer[];
  config?: object;
  platform?: { architecture: string; variant?: string; os?: string };
  /** Docker's media types instead of OCI's. */
  docker?: boolean;
}

export interface TestLayer {
  blob: Buffer;
  diffId: string;
  mediaType?: string;
}

export const OCI = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
};
export const DOCKER = {
  manifest: 'application/vnd.docker.distribution.manifest.v2+json',
  index: 'application/vnd.docker.distribution.manifest.list.v2+json',
  config: 'application/vnd.docker.container.image.v1+json',
  layer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
};
export const HOST_ARCHITECTURE = process.arch === 'x64' ? 'amd64' : process.arch;

export function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** A gzip layer of a tar that GNU tar makes of these files: name to content. */
export function layerOf(files: Readonly<Record<string, string | Buffer>>): TestLayer {
  const directory = mkdtempSync('/var/tmp/mydocker-layer-');
  try {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(`${directory}/${name}`.replace(/\/[^/]*$/, ''), { recursive: true });
      writeFileSync(`${directory}/${name}`, content, { mode: 0o755 });
    }
    const tar = execFileSync('tar', ['-C', directory, '--owner=0', '--group=0', '--mtime=@1', '-c', '.'], {
      maxBuffer: 1 << 30,
    });
    return { blob: gzipSync(tar, { level: 1 }), diffId: digestOf(tar) };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
