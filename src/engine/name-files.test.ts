import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { type ContainerRecord, containerDir, pathsOf, runDir } from '../storage/index.ts';
import { hostsFile, namesDirOf, rewriteHosts } from './name-files.ts';

const root = mkdtempSync('/tmp/mydocker-names-');
after(() => rmSync(root, { recursive: true }));
const paths = pathsOf(root);
const NO_WIRING = { endpoints: [], publish: [], ports: [] };

function record(more: Partial<ContainerRecord> = {}): ContainerRecord {
  const own = { id: 'a'.repeat(64), name: 'bird', hostname: 'nest', network: 'front', autoRemove: false };
  return { ...own, ...more } as ContainerRecord;
}

test('rewriteHosts() leaves nothing of a longer file, in the place where the container has it', () => {
  for (const [bird, directory] of [
    [record(), containerDir(paths, record().id)],
    [record({ autoRemove: true }), containerDir(paths, record().id)],
    [record({ autoRemove: true, startingOwner: '1-2' }), runDir(paths, record().id)],
  ] as const) {
    mkdirSync(directory, { recursive: true });
    writeFileSync(`${directory}/hosts`, 'x'.repeat(5000));
    rewriteHosts(paths, bird, NO_WIRING);
    assert.equal(readFileSync(`${directory}/hosts`, 'utf8'), hostsFile(paths, bird, NO_WIRING));
    rmSync(directory, { recursive: true });
  }
});

test('rewriteHosts() makes no file for a container that has ended', () => {
  const once = record({ autoRemove: true, startingOwner: '1-2' });
  rewriteHosts(paths, once, NO_WIRING);
  mkdirSync(runDir(paths, once.id), { recursive: true });
  rewriteHosts(paths, once, NO_WIRING);
  assert.equal(existsSync(`${runDir(paths, once.id)}/hosts`), false);
});

test('hostsFile() has the whole name of the container first, then the short one', () => {
  const last = (more: Partial<ContainerRecord>): string | undefined =>
    hostsFile(paths, record(more), NO_WIRING).trimEnd().split('\n').at(-1);
  assert.equal(last({}), '127.0.1.1\tnest');
  assert.equal(last({ hostname: 'nest.tree.example' }), '127.0.1.1\tnest.tree.example nest');
  assert.equal(last({ isolation: { domainname: 'tree.example' } }), '127.0.1.1\tnest.tree.example nest');
});

test('namesDirOf(): the disk says where they are, the record where they would be', () => {
  const once = record({ autoRemove: true, startingOwner: '1-2' });
  const [own, run] = [containerDir(paths, once.id), runDir(paths, once.id)];
  rmSync(own, { recursive: true, force: true });
  assert.equal(namesDirOf(paths, record({ autoRemove: true })), own, 'explained only');
  assert.equal(namesDirOf(paths, once), run);
  mkdirSync(own, { recursive: true });
  assert.equal(namesDirOf(paths, record({ autoRemove: true })), run, 'made by run, started by somebody else');
  writeFileSync(`${own}/hosts`, '');
  for (const bird of [once, record({ autoRemove: true }), record()])
    assert.equal(namesDirOf(paths, bird), own);
});
