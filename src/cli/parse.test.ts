import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Grammar, parse } from './parse.ts';

const GRAMMAR: Grammar = {
  name: 'run',
  passThrough: true,
  options: [
    { name: 'name', value: 'string', help: '' },
    { name: 'detach', short: 'd', help: '' },
    { name: 'interactive', short: 'i', help: '' },
    { name: 'tty', short: 't', help: '' },
    { name: 'rm', help: '' },
    { name: 'env', short: 'e', value: 'list', help: '' },
    { name: 'memory', short: 'm', also: ['mem'], value: 'string', placeholder: 'SIZE', help: '' },
    { name: 'cpuset-cpus', also: ['cpuset'], value: 'string', help: '' },
    { name: 'hostname', short: 'h', value: 'string', help: '' },
  ],
};

const SAME: ReadonlyArray<readonly [argv: string[], name: string, value: unknown]> = [
  [['--name', 'bird'], 'name', 'bird'],
  [['--name=bird'], 'name', 'bird'],
  [['-name', 'bird'], 'name', 'bird'],
  [['-name=bird'], 'name', 'bird'],
  [['--name='], 'name', ''],
  [['-m', '100m'], 'memory', '100m'],
  [['-m=100m'], 'memory', '100m'],
  [['-m100m'], 'memory', '100m'],
  [['-mem', '100m'], 'memory', '100m'],
  [['--mem=100m'], 'memory', '100m'],
  [['--memory', '1g', '-m', '2g'], 'memory', '2g'],
  [['-cpuset', '0,1'], 'cpuset-cpus', '0,1'],
  [['-h', 'web'], 'hostname', 'web'],
  [['-dm', '1g'], 'memory', '1g'],
  [['-m', '-1'], 'memory', '-1'],
];

test('parse() takes every spelling of a value', () => {
  for (const [argv, name, value] of SAME) {
    const { flags, args } = parse(GRAMMAR, [...argv, 'busybox']);
    assert.equal(flags.string(name), value, argv.join(' '));
    assert.deepEqual(args, ['busybox'], argv.join(' '));
  }
});

test('parse() splits groups of short options', () => {
  for (const argv of [
    ['-itd'],
    ['-it', '-d'],
    ['-i', '-t', '-d'],
    ['-itd=true'],
    ['--interactive', '-tty', '-detach'],
  ]) {
    const { flags } = parse(GRAMMAR, argv);
    assert.deepEqual(
      [flags.bool('interactive'), flags.bool('tty'), flags.bool('detach')],
      [true, true, true],
    );
  }
});

test('parse() collects repeatable options in order', () => {
  const { flags } = parse(GRAMMAR, ['-e', 'A=1', '-eB=2', '-e=C=3', '--env=D=4', '-env', 'E']);
  assert.deepEqual(flags.list('env'), ['A=1', 'B=2', 'C=3', 'D=4', 'E']);
});

test('parse() takes --rm=false', () => {
  assert.equal(parse(GRAMMAR, ['--rm=false']).flags.bool('rm'), false);
  assert.equal(parse(GRAMMAR, ['-rm']).flags.bool('rm'), true);
  assert.throws(() => parse(GRAMMAR, ['--rm=maybe']), { code: 'BAD_INPUT', message: /--rm .*"maybe"/ });
});

test('parse() leaves everything after the first argument alone', () => {
  const words = ['busybox', 'sh', '-c', 'echo "$1"', '--', '--rm', '-name', ''];
  const { flags, args } = parse(GRAMMAR, ['-d', ...words]);
  assert.deepEqual(args, words);
  assert.equal(flags.has('rm'), false);
});

test('parse() ends the options at --', () => {
  assert.deepEqual(parse(GRAMMAR, ['-d', '--', '-x', '-y']).args, ['-x', '-y']);
});

test('parse() mixes options and arguments where nothing is passed through', () => {
  const { flags, args } = parse({ ...GRAMMAR, passThrough: false }, ['a', '-d', 'b', '-', '--name', 'x']);
  assert.deepEqual(args, ['a', 'b', '-']);
  assert.equal(flags.string('name'), 'x');
  assert.equal(flags.bool('detach'), true);
});

test('parse() names an unknown flag and the nearest one', () => {
  const message = 'unknown flag --nmae for "mydocker run"';
  assert.throws(() => parse(GRAMMAR, ['--nmae', 'x']), {
    message,
    remedy: 'did you mean --name? see: mydocker run --help',
    exitCode: 125,
  });
  assert.throws(() => parse(GRAMMAR, ['--zzz=1']), { message: 'unknown flag --zzz for "mydocker run"' });
  assert.throws(() => parse(GRAMMAR, ['-x']), { message: 'unknown flag -x for "mydocker run"' });
  assert.throws(() => parse(GRAMMAR, ['--d']), { message: 'unknown flag --d for "mydocker run"' });
});

test('parse() says which flag has no value', () => {
  assert.throws(() => parse(GRAMMAR, ['-mem']), {
    message: 'flag -mem of "mydocker run" needs a value: -mem SIZE',
  });
});

test('parse() knows help, unless -h is taken', () => {
  assert.equal(parse(GRAMMAR, ['--help']).help, true);
  assert.equal(parse(GRAMMAR, ['busybox', '--help']).help, false);
  assert.equal(parse({ name: 'ps', options: [] }, ['-h']).help, true);
});
