import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { bash, fish, zsh } from './completions.ts';
import { GROUPS } from './groups.ts';
import { commandHelp, overview } from './help.ts';
import { GROUP_NAMES } from './main.ts';
import { parse } from './parse.ts';
import { everyCommand, NAMES } from './registry.ts';

const commands = await everyCommand();

test('commands have their own names, no option twice, and examples that parse', () => {
  assert.deepEqual(
    commands.map(({ name }) => name),
    NAMES,
  );
  for (const command of commands) {
    const shorts = command.options.flatMap(({ short }) => (short === undefined ? [] : [short]));
    const longs = command.options.flatMap(({ name, also }) => [name, ...(also ?? [])]);
    assert.equal(new Set(shorts).size, shorts.length, command.name);
    assert.equal(new Set(longs).size, longs.length, command.name);
    assert.ok(command.examples.length > 0, command.name);
    for (const example of command.examples) {
      const words = (example.replace(/ [<>|].*$/, '').match(/'[^']*'|"[^"]*"|\S+/g) ?? []).map((word) =>
        word.replace(/^(['"])(.*)\1$/, '$2'),
      );
      const own = command.name.split(' ').length;
      assert.equal(words.slice(0, own).join(' '), command.name, example);
      const { args } = parse(command, words.slice(own));
      assert.ok(args.length >= command.args[0] && args.length <= command.args[1], example);
    }
  }
});

test('GROUPS lead to commands', () => {
  assert.deepEqual(Object.keys(GROUPS), GROUP_NAMES);
  for (const group of Object.values(GROUPS)) {
    for (const [word, target] of Object.entries(group)) assert.ok(NAMES.includes(target[0] ?? ''), word);
  }
});

test('commandHelp() and overview() show every command and option', () => {
  const text = overview(commands);
  for (const command of commands) {
    assert.ok(text.includes(`  ${command.name} `), command.name);
    const own = commandHelp(command);
    for (const option of command.options)
      assert.equal(own.includes(`--${option.name}`), option.hidden !== true, option.name);
  }
});

test('bash(), zsh() and fish() name every command', () => {
  for (const make of [bash, zsh, fish])
    for (const command of commands)
      assert.ok(command.name.split(' ').every((word) => make(commands).includes(word)));
});

test('bash() completes groups, their words and the flags behind them', () => {
  const complete = (...words: string[]): string => {
    const list = ['mydocker', ...words].map((word) => `'${word}'`).join(' ');
    const line = `COMP_WORDS=(${list}); COMP_CWORD=${words.length}; _mydocker; echo "\${COMPREPLY[*]}"`;
    return execFileSync('bash', ['-c', `${bash(commands)}\n${line}`], { encoding: 'utf8' }).trim();
  };
  assert.equal(complete('im'), 'images import image');
  assert.equal(complete('image', 'pr'), 'prune');
  assert.equal(complete('image', 'prune', '--fi'), '--filter');
  assert.equal(complete('image', 'ls', '--dig'), '--digests');
  assert.equal(complete('images', '--dig'), '--digests');
});
