/**
 * All tests: node tools/test.mjs [unit|e2e|all] [--sanitize]
 * Installs what they need, builds when something is newer than the build, and ends with "N passed, N failed".
 * --sanitize: the shim with address and undefined-behaviour sanitizers; the same e2e tests.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import process from 'node:process';
import { createInterface } from 'node:readline';

const what = process.argv.slice(2).find((word) => !word.startsWith('-')) ?? 'all';
const sanitize = process.argv.includes('--sanitize');
const PARALLEL = 2;

function must(command, args) {
  const result = spawnSync(command, args, { stdio: ['ignore', 2, 'inherit'] });
  if (result.status !== 0) process.exit(result.status ?? 1);
}

function newest(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(0, ...readdirSync(path).map((name) => newest(`${path}/${name}`)));
}

function prepare() {
  const program = 'dist/mydocker';
  const sources = ['src', 'native', 'tools', 'package.json', 'package-lock.json', 'tsconfig.json'];
  const stale = !existsSync(program) || sources.some((path) => newest(path) > statSync(program).mtimeMs);
  if (stale || sanitize) must('sh', ['tools/setup.sh', process.cwd()]);
  if (sanitize) must(process.execPath, ['tools/build.mjs', '--sanitize']);
  must('node_modules/.bin/tsc', ['-p', '.']);
}

/** Debian packages that only tests need, each by a program it brings. */
const TEST_PACKAGES = {
  setpriv: 'util-linux',
  script: 'bsdutils',
  python3: 'python3',
  setfattr: 'attr',
  setcap: 'libcap2-bin',
};

function installTestPackages() {
  const missing = Object.entries(TEST_PACKAGES).filter(
    ([program]) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0,
  );
  if (missing.length === 0) return;
  const packages = missing.map(([, name]) => name);
  process.stderr.write(`test: installing ${packages.join(' ')}\n`);
  must('sh', [
    '-c',
    `apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ${packages.join(' ')}`,
  ]);
}

function testFiles(directory) {
  return readdirSync(directory, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => `${directory}/${name}`);
}

/** Runs test files and counts from the runner's own summary. */
function run(files) {
  return new Promise((resolve) => {
    const args = ['--test', '--test-reporter=spec', `--test-concurrency=${PARALLEL}`, ...files];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const counts = { pass: 0, fail: 0, skipped: 0, cancelled: 0 };
    createInterface({ input: child.stdout }).on('line', (line) => {
      const match = /^ℹ (pass|fail|skipped|cancelled) (\d+)$/.exec(line);
      if (match) counts[match[1]] = Number(match[2]);
      process.stdout.write(`${line}\n`);
    });
    child.once('close', (code) =>
      resolve({
        passed: counts.pass,
        failed: counts.fail + counts.cancelled,
        skipped: counts.skipped,
        code: code ?? 1,
      }),
    );
  });
}

prepare();
const total = { passed: 0, failed: 0, skipped: 0 };
const suites = [];
if (what === 'unit' || what === 'all') suites.push(['build/src', 'build/tools']);
if (what === 'e2e' || what === 'all') {
  installTestPackages();
  suites.push(['build/test/e2e']);
}
for (const directories of suites) {
  const result = await run(directories.filter((dir) => existsSync(dir)).flatMap(testFiles));
  total.passed += result.passed;
  total.failed += result.failed;
  total.skipped += result.skipped;
  if (result.code !== 0 && result.failed === 0) total.failed += 1;
}
if (sanitize) {
  const reports = readdirSync('/var/tmp').filter((name) => name.startsWith('mydocker-sanitizer.'));
  for (const name of reports) {
    total.failed += 1;
    process.stdout.write(`sanitizer report: /var/tmp/${name}\n`);
  }
  rmSync('dist/mydocker', { force: true });
}
if (total.skipped > 0) process.stdout.write(`${total.skipped} skipped; each says why above\n`);
process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
process.exit(total.failed === 0 && total.passed > 0 ? 0 : 1);
