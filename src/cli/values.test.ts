import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEnv, parseEnvFile, parseLabels } from './env.ts';
import { checkSignal } from './signals.ts';
import * as values from './values.ts';

/** A refusal names the flag and the value, and shows a right one. */
function refuses(run: () => unknown, flag: string, value: string): void {
  assert.throws(run, (error: Error & { code?: string; remedy?: string; exitCode?: number }) => {
    assert.equal(error.code, 'BAD_INPUT');
    assert.equal(error.exitCode, 125);
    assert.ok(error.message.includes(flag) && error.message.includes(value), error.message);
    assert.ok(error.remedy !== undefined && error.remedy !== '');
    return true;
  });
}

test('parseMemory() reads sizes in powers of 1024', () => {
  const table: ReadonlyArray<readonly [string, number]> = [
    ['100m', 104_857_600],
    ['100M', 104_857_600],
    ['100mb', 104_857_600],
    ['100MiB', 104_857_600],
    ['1g', 2 ** 30],
    ['1.5g', 1.5 * 2 ** 30],
    ['512k', 524_288],
    ['524288', 524_288],
    ['1048576b', 1_048_576],
  ];
  for (const [text, bytes] of table) assert.equal(values.parseMemory('-m', text), bytes, text);
  for (const text of ['', 'm', '10x', '-1', '1e9', '511k', '4096', '0', '1 0m', 'lots', '99999999999g']) {
    refuses(() => values.parseMemory('-m', text), '-m', `"${text}"`);
  }
});

test('parseCpuPercent() is percent of one core', () => {
  assert.equal(values.parseCpuPercent('-cpu', '50', 2), 50_000);
  assert.equal(values.parseCpuPercent('-cpu', '200', 2), 200_000);
  for (const text of ['0', '201', '-1', '1.5', 'half', ''])
    refuses(() => values.parseCpuPercent('-cpu', text, 2), '-cpu', `"${text}"`);
});

test('parseCpus() is in cores', () => {
  assert.equal(values.parseCpus('--cpus', '0.5', 2), 50_000);
  assert.equal(values.parseCpus('--cpus', '.25', 2), 25_000);
  assert.equal(values.parseCpus('--cpus', '2', 2), 200_000);
  for (const text of ['0', '2.1', '-1', '1e0', ''])
    refuses(() => values.parseCpus('--cpus', text, 2), '--cpus', `"${text}"`);
});

test('parseCpuset() checks the form', () => {
  for (const text of ['0', '0,1', '0-1,3', '10-12']) assert.equal(values.parseCpuset('-cpuset', text), text);
  for (const text of ['', '0-', '1-0', 'a', '0,,1', '0 1'])
    refuses(() => values.parseCpuset('-cpuset', text), '-cpuset', `"${text}"`);
});

test('parsePidsLimit() takes -1 and 0 for no limit', () => {
  assert.equal(values.parsePidsLimit('--pids-limit', '100'), 100);
  assert.equal(values.parsePidsLimit('--pids-limit', '-1'), undefined);
  assert.equal(values.parsePidsLimit('--pids-limit', '0'), undefined);
  for (const text of ['-2', 'many', '1.5'])
    refuses(() => values.parsePidsLimit('--pids-limit', text), '--pids-limit', text);
});

test('parseSince() takes durations, times and Unix seconds', () => {
  const now = 1_700_000_000_000;
  const table: ReadonlyArray<readonly [string, number]> = [
    ['10m', now - 600_000],
    ['1h30m', now - 5_400_000],
    ['1.5h', now - 5_400_000],
    ['250ms', now - 250],
    ['1769846400', 1_769_846_400_000],
    ['1769846400.5', 1_769_846_400_500],
    ['2026-01-31T08:00:00Z', 1_769_846_400_000],
    ['2026-01-31T09:00:00+01:00', 1_769_846_400_000],
    ['2026-01-31', new Date(2026, 0, 31).getTime()],
  ];
  for (const [text, timeMs] of table) assert.equal(values.parseSince('--since', text, now), timeMs, text);
  for (const text of ['', 'yesterday', '10x', '2026-13-45', '-5m'])
    refuses(() => values.parseSince('--since', text, now), '--since', text);
});

test('parseCount(), parseSeconds() take whole numbers', () => {
  assert.equal(values.parseCount('--tail', '20'), 20);
  assert.equal(values.parseCount('--tail', 'all'), undefined);
  refuses(() => values.parseCount('--tail', 'x'), '--tail', 'x');
  assert.equal(values.parseSeconds('-t', '0'), 0);
  assert.equal(values.parseSeconds('-t', '-1', true), -1);
  refuses(() => values.parseSeconds('-t', '-1'), '-t', '-1');
  refuses(() => values.parseSeconds('-t', '1.5'), '-t', '1.5');
});

test('parseName(), parseWorkdir(), parseHostname() refuse what cannot be', () => {
  assert.equal(values.parseName('--name', 'bird_1.a-b'), 'bird_1.a-b');
  for (const text of ['', 'a', '-a', 'a b', 'a/b', '鸟鸟'])
    refuses(() => values.parseName('--name', text), '--name', text);
  assert.equal(values.parseWorkdir('-w', '/x'), '/x');
  refuses(() => values.parseWorkdir('-w', 'x'), '-w', 'x');
  assert.equal(values.parseHostname('-h', 'web1.local'), 'web1.local');
  refuses(() => values.parseHostname('-h', 'a b'), '-h', 'a b');
});

test('parseEnv() takes the value of the caller for a bare name', () => {
  const caller = { HOME: '/root' };
  assert.deepEqual(parseEnv('-e', ['A=1', 'B=', 'C=x=y', 'HOME', 'UNSET'], caller), [
    'A=1',
    'B=',
    'C=x=y',
    'HOME=/root',
  ]);
  refuses(() => parseEnv('-e', ['=x'], caller), '-e', '"=x"');
  refuses(() => parseEnv('-e', [''], caller), '-e', '""');
});

test('parseEnvFile() takes lines literally and names a bad one', () => {
  const text = '\ufeff# comment\n\nA=1\r\n  B="two words" \nHOME\nUNSET\n';
  assert.deepEqual(parseEnvFile('f', text, { HOME: '/root' }), ['A=1', 'B="two words" ', 'HOME=/root']);
  refuses(() => parseEnvFile('my.env', 'A=1\nB C=2\n', {}), '--env-file my.env', 'line 2');
  refuses(() => parseEnvFile('my.env', '=2', {}), '--env-file my.env', 'line 1');
});

test('parseLabels() lets later ones win', () => {
  assert.deepEqual(parseLabels('--label', ['a=1', 'b', 'a=2=3']), { a: '2=3', b: '' });
  refuses(() => parseLabels('--label', ['=1']), '--label', '"=1"');
});

test('checkSignal() knows names, numbers and real-time signals', () => {
  for (const text of ['TERM', 'SIGTERM', 'sigint', '9', 'HUP']) assert.equal(checkSignal('-s', text), text);
  assert.equal(checkSignal('-s', 'RTMIN+3'), '37');
  assert.equal(checkSignal('-s', 'SIGRTMAX-1'), '63');
  for (const text of ['', '0', '65', 'SIGFOO', 'RTMIN+99'])
    refuses(() => checkSignal('-s', text), '-s', `"${text}"`);
});
