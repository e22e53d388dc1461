import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatRows } from './rows.ts';
import { parseTemplate } from './template.ts';

const DATA = {
  ID: 'ab12',
  State: { Pid: 7, Running: true },
  Config: { Env: ['A=1', 'B=2'], Labels: { x: 'y' } },
  None: null,
  Nets: { b: { IP: '2' }, a: { IP: '1' } },
  Ports: { '80/tcp': [{ HostPort: '8080' }] },
  Empty: [],
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
    ['{{range .Config.Env}}<{{.}}>{{end}}', '<A=1><B=2>'],
    ['{{range .Nets}}{{.IP}}{{end}}', '12'],
    ['{{range $k, $v := .Nets}}{{$k}}={{$v.IP}} {{end}}', 'a=1 b=2 '],
    ['{{range $v := .Nets}}{{$v.IP}}{{$.ID}} {{end}}', '1ab12 2ab12 '],
    ['{{range $i, $e := .Config.Env}}{{if $i}},{{end}}{{$e}}{{end}}', 'A=1,B=2'],
    ['{{if .State.Running}}up{{else}}down{{end}}{{if .None}}x{{else}}y{{end}}', 'upy'],
    ['{{with .State}}{{.Pid}}/{{$.ID}}{{end}}', '7/ab12'],
    ['{{range .Empty}}x{{else}}none{{end}}', 'none'],
    ['{{range .Nets}}{{range $.Config.Env}}{{.}};{{end}}{{end}}', 'A=1;B=2;A=1;B=2;'],
    ['{{(index .Nets "b").IP}}', '2'],
    ['{{(index (index .Ports "80/tcp") 0).HostPort}}', '8080'],
    ['{{json (index .Nets "a")}}', '{"IP":"1"}'],
  ];
  for (const [format, expected] of table) {
    assert.equal(parseTemplate(format).render(DATA, { tier: 'web' }), expected, format);
  }
});

test('parseTemplate() names an action it does not know', () => {
  for (const action of [
    'end',
    'else',
    'range',
    '(.ID',
    '(index .Nets "b"',
    'nosuch .ID',
    '.ID .ID',
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
  for (const open of [
    '{{range .Config.Env}}x',
    '{{if .ID}}',
    '{{if .ID}}{{else}}',
    '{{with .ID}}{{range .Nets}}{{end}}',
  ])
    assert.throws(() => parseTemplate(open), { code: 'BAD_INPUT', message: /has no \{\{end\}\}/ }, open);
  assert.throws(() => parseTemplate('{{$x}}').render(DATA), { message: /there is no variable \$x/ });
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
