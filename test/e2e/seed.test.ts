/** The seed series' own script, to the letter. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { command, Host, processes, until } from './harness.ts';

const host = new Host();

test('the seed script: run -d -name bird top, ps, stop, ps, and no such process', async () => {
  const id = await host.ok('run', '-d', '-name', 'bird', 'top');
  assert.match(id, /^[0-9a-f]{64}$/);

  const [head = '', row = ''] = (await host.ok('ps')).split('\n');
  assert.match(head, /^ID +NAME +PID +IP +STATUS +COMMAND +CREATED/);
  const pid = Number(/bird +(\d+)/.exec(row)?.[1]);
  assert.match(row, /running +top/);
  const { stdout } = await command('ps', ['-o', 'comm=', '-p', String(pid)]);
  assert.equal(stdout.trim(), 'top', 'PID is the host pid of the container’s process 1');

  await host.ok('stop', id.slice(0, 12));
  await until('the monitor is gone too', () => processes(id.slice(0, 12)).length === 0);
  const gone = await command('ps', ['-p', String(pid)]);
  assert.equal(gone.code, 1, 'no such process');

  const stopped = (await host.ok('ps')).split('\n')[1] ?? '';
  assert.match(stopped, /bird +stopped/, 'STATUS stopped, PID empty');
  await host.ok('rm', 'bird');
});
