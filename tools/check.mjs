/** Everything that needs no root and no kernel: format, types, arrows, generated files, unit tests. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import process from 'node:process';

const stages = [
  ['format and lint', 'node_modules/.bin/biome', ['check', '--error-on-warnings', '.']],
  ['types', 'node_modules/.bin/tsc', ['-p', '.']],
  ['arrows between rooms, size of files', process.execPath, ['build/tools/check-layers.js']],
  ['generated files', process.execPath, ['build/tools/gen.js', '--check']],
];

for (const [what, command, args] of stages) {
  process.stderr.write(`check: ${what}\n`);
  const result = spawnSync(command, args, { stdio: 'inherit' });
  if (result.status !== 0) process.exit(1);
}

const unit = (directory) =>
  readdirSync(directory, { recursive: true })
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => `${directory}/${name}`);
if (!process.argv.includes('--no-tests')) {
  process.stderr.write('check: unit tests\n');
  const files = ['build/src', 'build/tools'].filter((dir) => existsSync(dir)).flatMap(unit);
  process.exit(
    spawnSync(process.execPath, ['--test', '--test-reporter=dot', ...files], { stdio: 'inherit' }).status ??
      1,
  );
}
