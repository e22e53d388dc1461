import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyChanges } from './changes.ts';
import type { ImageConfig } from './manifest.ts';

const ROWS: ReadonlyArray<readonly [before: ImageConfig, changes: string[], after: ImageConfig]> = [
  [{}, ['CMD ["a", "b c"]'], { Cmd: ['a', 'b c'] }],
  [{}, ['cmd echo "$HOME"'], { Cmd: ['/bin/sh', '-c', 'echo "$HOME"'] }],
  [{ Cmd: ['x'] }, ['ENTRYPOINT ["e"]'], { Entrypoint: ['e'] }],
  [{ Cmd: ['x'] }, ['CMD ["c"]', 'ENTRYPOINT ["e"]'], { Cmd: ['c'], Entrypoint: ['e'] }],
  [{ Env: ['A=1', 'B=2'] }, ['ENV A=3 C="x y" D=p\\ q'], { Env: ['A=3', 'B=2', 'C=x y', 'D=p q'] }],
  [{}, ['ENV A one = two'], { Env: ['A=one = two'] }],
  [{ Labels: { a: '1' } }, ['LABEL b=2 "c d"=3'], { Labels: { a: '1', b: '2', 'c d': '3' } }],
  [
    {},
    ['EXPOSE 80 53/udp 8000-8001'],
    {
      ExposedPorts: { '80/tcp': {}, '53/udp': {}, '8000/tcp': {}, '8001/tcp': {} },
    },
  ],
  [{}, ['VOLUME /a /b', 'VOLUME ["/c d"]'], { Volumes: { '/a': {}, '/b': {}, '/c d': {} } }],
  [{ WorkingDir: '/a' }, ['WORKDIR b', 'WORKDIR ../c'], { WorkingDir: '/a/c' }],
  [{}, ['USER 1000:1000', 'STOPSIGNAL SIGINT'], { User: '1000:1000', StopSignal: 'SIGINT' }],
];

test('applyChanges() applies instructions in order and leaves its argument alone', () => {
  for (const [before, changes, after] of ROWS) {
    const copy = structuredClone(before);
    assert.deepEqual(applyChanges(before, changes), after, changes.join('; '));
    assert.deepEqual(before, copy);
  }
});

test('applyChanges() refuses what is no instruction, naming it', () => {
  for (const line of [
    'FROM scratch',
    'CMD',
    '',
    'ENV =x',
    'ENV A="x',
    'EXPOSE x',
    'EXPOSE 99999',
    'STOPSIGNAL a b',
  ]) {
    assert.throws(() => applyChanges({}, [line]), { code: 'BAD_INPUT', exitCode: 125 }, line);
  }
});
