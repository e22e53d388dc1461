import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const STATIC = /^(?:import|export)\s+(?:[^'"();=]+?\sfrom\s+)?['"]([^'"]+)['"]/gm;

/** Every module that is there before the first line of these runs, by what node resolves; types are erased already. */
function loadedWith(...entries: string[]): Set<string> {
  const seen = new Set<string>();
  const todo = entries.map((entry) => new URL(entry, import.meta.url).href);
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    if (!next.startsWith('file:')) continue;
    for (const [, what = ''] of readFileSync(new URL(next), 'utf8').matchAll(STATIC))
      todo.push(what.startsWith('.') ? new URL(what, next).href : what);
  }
  return seen;
}

test('a plain run loads no module of the runtime but node:fs, which costs nothing, and no package', () => {
  const all = [...loadedWith('./main.js', './commands/run.js', '../engine/index.js')];
  const foreign = all.filter((name) => !name.startsWith('file:'));
  assert.deepEqual(foreign, ['node:fs'], 'see docs/adr/0009-late-modules.md');
});

test('a plain run loads nothing of other commands', () => {
  const names = [...loadedWith('./main.js', './commands/run.js', '../engine/index.js')];
  const late = /\/engine\/(bury|commit|describe|exec|logs|remove|session|stop|info)\.js$|\/image\/tar-/;
  assert.deepEqual(
    names.filter((name) => late.test(name)),
    [],
  );
});
