/** The readers of names, manifests, configs and settings. */

import { kindOf, MAX_LAYERS, parseImageConfig, parseIndex, parseManifest } from '../../src/image/foreign.ts';
import { choosePlatform, parsePlatform, platformText } from '../../src/image/platform.ts';
import { canonicalName, familiarName, parseReference, tagOf } from '../../src/image/reference.ts';
import { parseChallenges } from '../../src/image/registry/challenge.ts';
import { parseConfig } from '../../src/image/registry/config.ts';
import { holds, refuses, type Target } from './target.ts';

const HEX = '0123456789abcdef'.repeat(4);

export const referenceTarget: Target = {
  name: 'reference',
  words: [
    ...[
      'docker.io/',
      'index.docker.io/',
      'library/',
      'localhost:5000/',
      ':latest',
      '@sha256:',
      HEX,
      '[::1]:5000/',
    ],
    ...['/', ':', '@', '.', '-', '_', '__', 'A', 'é', '..', '\0', ' '],
  ],
  read(input) {
    const text = input.toString('utf8');
    refuses(() => {
      const reference = parseReference(text);
      const name = canonicalName(reference);
      holds('the full name means the same', canonicalName(parseReference(name)) === name);
      holds('the short name means the same', canonicalName(parseReference(familiarName(reference))) === name);
      holds('it is of a sensible length', name.length <= 255 + 1 + 128);
      // A tag may have dots in it, but is one part of a path and begins with none.
      const parts = [...reference.path.split('/'), tagOf(reference)];
      holds(
        'a path in a registry has no way out',
        parts.every((part) => !/^\.{0,2}$|[\s\0]/.test(part)),
      );
    });
    refuses(() => {
      const platform = parsePlatform(text);
      holds(
        'a platform means the same',
        platformText(parsePlatform(platformText(platform))) === platformText(platform),
      );
    });
    parseChallenges(text);
  },
};

const isSize = (size: number): boolean => Number.isSafeInteger(size) && size >= 0;
const isDigest = (digest: string): boolean => /^sha256:[0-9a-f]{64}$/.test(digest);

export const manifestTarget: Target = {
  name: 'manifest',
  words: [
    ...[
      '"schemaVersion":2',
      '"mediaType":',
      '"config":',
      '"layers":[',
      '"manifests":[',
      '"digest":',
      '"size":',
      '-1',
      '1e999',
    ],
    ...[
      `"sha256:${HEX}"`,
      '{}',
      '[]',
      'null',
      '"platform":{"os":"linux","architecture":"amd64","variant":"v7"}',
    ],
    ...[
      '"application/vnd.oci.image.manifest.v1+json"',
      '"application/vnd.oci.image.index.v1+json"',
      '"__proto__":',
    ],
    ...[
      '"application/vnd.docker.distribution.manifest.v2+json"',
      '"annotations":',
      '9007199254740993',
      '1.5',
      '\\u0000',
    ],
  ],
  read(input) {
    for (const type of ['', 'application/vnd.oci.image.index.v1+json', 'application/json; charset=utf-8']) {
      refuses(() => kindOf(input, type, 'fuzzed'));
    }
    refuses(() => {
      const items = parseIndex(input, 'fuzzed');
      holds(
        'an index holds digests and sizes',
        items.every(({ digest, size }) => isDigest(digest) && isSize(size)),
      );
      choosePlatform(items, { os: 'linux', architecture: 'arm', variant: 'v7' });
    });
    refuses(() => {
      const { config, layers } = parseManifest(input, 'fuzzed');
      holds('not more layers than the kernel stacks', layers.length <= MAX_LAYERS);
      holds(
        'a manifest holds digests and sizes',
        [config, ...layers].every((one) => isDigest(one.digest) && isSize(one.size)),
      );
    });
  },
};

export const configTarget: Target = {
  name: 'config',
  words: [
    ...[
      '"rootfs":{"type":"layers","diff_ids":[',
      `"sha256:${HEX}"`,
      '"os":"linux"',
      '"architecture":"amd64"',
      '"config":{',
    ],
    ...[
      '"Env":["A=b"]',
      '"Cmd":',
      '"Entrypoint":',
      '"Labels":{"a":"b"}',
      '"ExposedPorts":{"80/tcp":{}}',
      '"history":[',
    ],
    ...[
      '"registries":{"a":{',
      '"mirrors":["https://m:5"]',
      '"insecure":true',
      '"timeoutS":',
      '"defaultRegistry":',
    ],
    ...['null', '[]', '{}', '"__proto__":', '-1', '1e999', '""', '\\ud800'],
  ],
  read(input) {
    for (const count of [0, 1, 2]) {
      refuses(() => {
        const file = parseImageConfig(input, count, 'fuzzed');
        holds('as many layers as the manifest has', file.rootfs.diff_ids.length === count);
        holds('a config holds digests', file.rootfs.diff_ids.every(isDigest));
      });
    }
    refuses(() => {
      const config = parseConfig(input.toString('utf8'), 'fuzzed');
      holds(
        'times are positive',
        config.timeoutMs > 0 && config.retryBaseMs > 0 && config.parallelDownloads >= 1,
      );
    });
  },
};
