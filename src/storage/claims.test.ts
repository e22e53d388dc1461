import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { after, test } from 'node:test';
import { claim, inTurn, removeDeadClaim, sweepTurns } from './claims.ts';
import { ownMark } from './owner.ts';

const directory = mkdtempSync('/var/tmp/mydocker-claims-');
after(() => rmSync(directory, { recursive: true }));

/** Marks of processes that have ended. */
const dead = (): string => `${spawnSync('true').pid}-1`;
const place = `${directory}/place`;

test('a dead claim goes, a living one and a new one stay', () => {
  const owner = dead();
  symlinkSync(owner, place);
  removeDeadClaim(place, 'somebody else');
  assert.deepEqual(readdirSync(directory), ['place']);
  removeDeadClaim(place, owner);
  assert.deepEqual(readdirSync(directory), []);
});

test('whoever was killed while it removed a dead claim, and while it removed that, keeps nobody from it', () => {
  const [owner, first, second] = [dead(), dead(), dead()];
  symlinkSync(owner, place);
  symlinkSync(first, `${directory}/.free-place-${owner}`);
  symlinkSync(second, `${directory}/.free-.free-place-${owner}-${first}`);
  removeDeadClaim(place, owner);
  assert.deepEqual(readdirSync(directory), []);
  assert.ok(claim(place, ownMark()));
  rmSync(place);
});

test('a living one that removes it is left alone, at every depth', () => {
  const [owner, first] = [dead(), dead()];
  symlinkSync(owner, place);
  symlinkSync(first, `${directory}/.free-place-${owner}`);
  symlinkSync(ownMark(), `${directory}/.free-.free-place-${owner}-${first}`);
  removeDeadClaim(place, owner);
  sweepTurns(directory);
  assert.equal(readdirSync(directory).length, 3);
  assert.equal(readlinkSync(place), owner);
  rmSync(`${directory}/.free-.free-place-${owner}-${first}`);
  sweepTurns(directory);
  assert.deepEqual(readdirSync(directory), ['place']);
  rmSync(place);
});

test('names that grow too long end it without a word', () => {
  const long = `${directory}/${'x'.repeat(250)}`;
  const owner = dead();
  symlinkSync(owner, long);
  removeDeadClaim(long, owner);
  assert.equal(readdirSync(directory).length, 1);
  rmSync(long);
});

test('a turn is taken over from a dead one, given back however the work ends, and not waited for without end', () => {
  symlinkSync(dead(), place);
  assert.equal(
    inTurn(place, () => readlinkSync(place)),
    ownMark(),
  );
  assert.throws(() => inTurn(place, () => assert.fail('as it is')), /as it is/);
  assert.deepEqual(readdirSync(directory), []);
  symlinkSync(ownMark(), place);
  assert.throws(() => inTurn(place, () => 1, 20), {
    code: 'BUSY',
    message: new RegExp(`does not go on: process ${process.pid}$`),
  });
  rmSync(place);
});
