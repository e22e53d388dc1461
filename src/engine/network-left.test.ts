/** What killed commands left in networks/: taken away, and never from under somebody who has it by now. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { after, test } from 'node:test';
import { ownMark, readNetwork } from '../storage/index.ts';
import { Core } from './core.ts';
import { createNetwork } from './network-create.ts';
import { sweepNetworks } from './network-remove.ts';
import { usersOf } from './network-users.ts';
import { sweepNetworking } from './sweep-networks.ts';

const root = mkdtempSync(`${tmpdir()}/mydocker-left-`);
after(() => rmSync(root, { recursive: true, force: true }));
const core = new Core({ root });
const networks = `${root}/networks`;
const ID = 'a'.repeat(64);
const ADDRESS = '10.208.0.9';
/** The mark of a process that has ended. */
const DEAD = `${spawnSync('true').pid}-1`;
mkdirSync(`${root}/containers`);

test('an address that nobody has is given back by one at a time', async () => {
  await createNetwork(core, { name: 'stray' });
  const leases = `${networks}/stray/leases`;
  symlinkSync(ID, `${leases}/${ADDRESS}`);
  const turn = `${leases}/.free-${ADDRESS}-${ID}`;
  symlinkSync(ownMark(), turn);
  assert.deepEqual(usersOf(core, 'stray'), []);
  assert.equal(
    readlinkSync(`${leases}/${ADDRESS}`),
    ID,
    'it is another’s turn, who may have taken it over by now',
  );
  rmSync(turn);
  assert.deepEqual(usersOf(core, 'stray'), []);
  assert.deepEqual(readdirSync(leases), []);
});

test('somebody killed while taking over from somebody killed is in nobody’s way', async () => {
  symlinkSync(DEAD, `${networks}/.creating`);
  symlinkSync(DEAD, `${networks}/.free-.creating-${DEAD}`);
  await createNetwork(core, { name: 'next' });
  assert.deepEqual(
    readdirSync(networks).filter((entry) => entry.startsWith('.')),
    [],
  );
});

test('a sweep removes the turns of killed commands, in networks/ and in leases/, and those of living ones not', async () => {
  const leases = `${networks}/next/leases`;
  for (const directory of [networks, leases]) {
    symlinkSync(DEAD, `${directory}/.free-x-${ID}`);
    symlinkSync(ownMark(), `${directory}/.free-y-${ID}`);
  }
  await sweepNetworking(core);
  for (const directory of [networks, leases]) {
    const left = readdirSync(directory).filter((entry) => entry.startsWith('.free-'));
    assert.deepEqual(left, [`.free-y-${ID}`]);
    rmSync(`${directory}/.free-y-${ID}`);
  }
});

test('a network that got a container while it was removed by somebody killed is there again', async () => {
  const { id } = await createNetwork(core, { name: 'used' });
  mkdirSync(`${root}/containers/${ID}`);
  symlinkSync(ID, `${networks}/used/leases/${ADDRESS}`);
  const hidden = `${networks}/.tmp-${DEAD}-abcdef`;
  renameSync(`${networks}/used`, hidden);
  await sweepNetworks(core);
  assert.equal(readNetwork(core.paths, 'used')?.id, id);
  assert.equal(readlinkSync(`${networks}/used/leases/${ADDRESS}`), ID);
  // Not over another of that name.
  renameSync(`${networks}/used`, hidden);
  const another = await createNetwork(core, { name: 'used' });
  await sweepNetworks(core);
  assert.equal(readNetwork(core.paths, 'used')?.id, another.id);
  assert.ok(!existsSync(hidden));
  // Nor where nobody has an address in it any more.
  symlinkSync(ID, `${networks}/used/leases/${ADDRESS}`);
  renameSync(`${networks}/used`, hidden);
  rmSync(`${root}/containers/${ID}`, { recursive: true });
  await sweepNetworks(core);
  assert.equal(readNetwork(core.paths, 'used'), undefined);
  assert.ok(!existsSync(hidden));
});
