import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatRows } from './rows.ts';
import { parseTemplate } from './template.ts';

const DATA = {
  ID: 'ab12',
  State: { Pid: 7, Running: true },
  Config: { Env: ['A=1', 'B=2'], Labels: { x: 'y' } },
  None: null,
};

test('parseTemplate() renders what is used with Docker', () => {
  const table: ReadonlyArray<readonly [string, string]> = [
    ['{{.ID}}', 'ab12'],
    ['{{ .ID }}\\t{{.State.Pid}}', 'ab12\t7'],
    ['pid={{.State.Pid}} {{.State.Running}}', 'pid=7 true'],
    ['{{.Config.Env}}', '[A=1 B=2]'],
    ['{{.Config.Labels}}', 'map[x:y]'],
    ['{{json .Config}}', '{"Env":["A=1","B=2"],"Labels":{"x":"y"}}'],
    ['{{json .}}', JSON.stringify(DATA)],
    ['{{join .Config.Env ","}}', 'A=1,B=2'],
    ['{{join .Config.Env "\\n"}}', 'A=1\nB=2'],
    ['{{index .Config.Labels "x"}}', 'y'],
    ['{{index .Config.Env 1}}', 'B=2'],
    ['{{upper .ID}}{{lower .ID}}{{len .Config.Env}}', 'AB12ab122'],
    ['{{.Label "tier"}}|{{.Label "no"}}', 'web|'],
    ['{{.None}}', '<no value>'],
    ['plain', 'plain'],
  ];
  for (const [format, expected] of table) {
    assert.equal(parseTemplate(format).render(DATA, { tier: 'web' }), expected, format);
  }
});

test('parseTemplate() names an action it does not know', () => {
  for (const action of [
    'range .Config.Env',
    'if .ID',
    'end',
    'printf "%s" .ID',
    '.ID | json',
    '',
    'join .Config.Env',
  ]) {
    assert.throws(() => parseTemplate(`{{${action}}}`), {
      code: 'BAD_INPUT',
      message: `--format: the action {{${action}}} is not supported`,
    });
  }
  assert.throws(() => parseTemplate('{{.ID'), { code: 'BAD_INPUT' });
});

test('parseTemplate() names a field that is not there', () => {
  assert.throws(() => parseTemplate('{{.State.Pidd}}').render(DATA), {
    message: /no field "Pidd"/,
    remedy: 'there are: Pid, Running',
  });
  assert.throws(() => parseTemplate('{{.constructor}}').render(DATA), { code: 'BAD_INPUT' });
});

test('formatRows() prints json, tables and templates', () => {
  const rows = [
    { fields: { ID: 'a', ImageID: 'long' }, labels: { tier: 'web' } },
    { fields: { ID: 'bbbb', ImageID: 'x' } },
  ];
  assert.equal(formatRows('json', rows), '{"ID":"a","ImageID":"long"}\n{"ID":"bbbb","ImageID":"x"}');
  assert.equal(formatRows('{{.ID}}', rows), 'a\nbbbb');
  assert.equal(
    formatRows('table {{.ID}}\\t{{.ImageID}}\\t{{.Label "tier"}}', rows),
    'ID     IMAGE ID   TIER\na      long       web\nbbbb   x',
  );
});
