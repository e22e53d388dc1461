import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalName, familiarName, familiarRepository, parseReference } from './reference.ts';

const HEX = 'a'.repeat(64);
const GOOD: ReadonlyArray<readonly [text: string, canonical: string, familiar: string]> = [
  ['busybox', 'docker.io/library/busybox:latest', 'busybox'],
  ['busybox:1.36', 'docker.io/library/busybox:1.36', 'busybox:1.36'],
  ['busybox:latest', 'docker.io/library/busybox:latest', 'busybox'],
  ['library/busybox', 'docker.io/library/busybox:latest', 'busybox'],
  ['docker.io/busybox', 'docker.io/library/busybox:latest', 'busybox'],
  ['index.docker.io/team/app:v1', 'docker.io/team/app:v1', 'team/app:v1'],
  ['team/app', 'docker.io/team/app:latest', 'team/app'],
  ['library/a/b', 'docker.io/library/a/b:latest', 'library/a/b'],
  ['localhost/app', 'localhost/app:latest', 'localhost/app'],
  ['localhost:5000/app:v1', 'localhost:5000/app:v1', 'localhost:5000/app:v1'],
  ['ghcr.io/a_b/c-d.e__f', 'ghcr.io/a_b/c-d.e__f:latest', 'ghcr.io/a_b/c-d.e__f'],
  ['[::1]:5000/app', '[::1]:5000/app:latest', '[::1]:5000/app'],
];
const BAD: ReadonlyArray<readonly [text: string, why: RegExp]> = [
  ['', /empty/],
  ['Busybox', /lower case/],
  ['busybox:', /tag/],
  ['busybox:-x', /tag/],
  [`busybox:${'x'.repeat(129)}`, /tag/],
  ['a//b', /empty/],
  ['/a', /empty/],
  ['a/', /empty/],
  ['-a', /"-a"/],
  ['a..b', /"a\.\.b"/],
  ['a b', /"a b"/],
  ['../etc', /host name/],
  ['busybox@sha256:12', /digest/],
  [HEX, /image id/],
  ['x'.repeat(256), /longer/],
];

test('parseReference() reads what Docker reads', () => {
  for (const [text, canonical, familiar] of GOOD) {
    const reference = parseReference(text);
    assert.equal(canonicalName(reference), canonical, text);
    assert.equal(familiarName(reference), familiar, text);
  }
});

test('familiarName() never shortens a name to that of another registry or of an id', () => {
  for (const name of ['docker.io/a.b/c', 'docker.io/localhost/c', `docker.io/library/${HEX}`]) {
    const reference = parseReference(name);
    assert.equal(canonicalName(parseReference(familiarName(reference))), canonicalName(reference), name);
  }
});

test('parseReference() quotes the beginning of a long name only', () => {
  assert.throws(
    () => parseReference(`a b${'x'.repeat(100_000)}`),
    (error: Error) => error.message.length < 600 && error.message.includes('x…'),
  );
});

test('parseReference() keeps tag and digest apart', () => {
  const reference = parseReference(`localhost:5000/app:v1@sha256:${HEX}`);
  assert.deepEqual(reference, { domain: 'localhost:5000', path: 'app', tag: 'v1', digest: `sha256:${HEX}` });
  assert.equal(familiarRepository(reference), 'localhost:5000/app');
});

test('parseReference() names the rule that is broken', () => {
  for (const [text, why] of BAD) {
    assert.throws(
      () => parseReference(text),
      (error: Error) => /^invalid reference format/.test(error.message) && why.test(error.message),
      text,
    );
  }
});
