/**
 * All tests: npm test [-- unit|e2e|sanitize|fuzz|vm …]; without a word: checks, unit and e2e tests.
 * Installs what they need, builds when something is newer than the build, and ends with "N passed, N failed".
 *   check      format, types, arrows between rooms, generated files
 *   unit       beside the sources; need no root
 *   e2e        drive the built executable, as root, on the real kernel
 *   sanitize   the e2e tests again, with a shim that checks its own memory and arithmetic
 *   fuzz       what reads other people's bytes, a minute a reader: layers, names, manifests, plans …
 *   vm         those about isolation and limits again, in a guest whose kernel has cgroup v2 only (QEMU)
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';

const SUITES = ['check', 'unit', 'e2e', 'sanitize', 'fuzz', 'vm'];
const words = process.argv.slice(2).filter((word) => !word.startsWith('-'));
const unknown = words.find((word) => !SUITES.includes(word));
if (unknown !== undefined) {
  process.stderr.write(`test: no suite "${unknown}"; there are: ${SUITES.join(', ')}\n`);
  process.exit(2);
}
const wanted = words.length === 0 ? ['check', 'unit', 'e2e'] : words;
const PARALLEL = 2;
const SANITIZER_REPORTS = '/var/tmp';
/** Sanitized code is so many times slower at worst; time-outs grow by it (test/e2e/harness.ts). */
const SANITIZED_SLOWNESS = 10;

function must(command, args) {
  const result = spawnSync(command, args, { stdio: ['ignore', 2, 'inherit'] });
  if (result.status !== 0) process.exit(result.status ?? 1);
}

function newest(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(0, ...readdirSync(path).map((name) => newest(`${path}/${name}`)));
}

function isStale(program) {
  const sources = ['src', 'native', 'tools', 'package.json', 'package-lock.json', 'tsconfig.json'];
  return !existsSync(program) || sources.some((path) => newest(path) > statSync(program).mtimeMs);
}

/** Debian packages that only tests need, each by a program it brings. */
const TEST_PACKAGES = {
  ps: 'procps',
  setpriv: 'util-linux',
  script: 'bsdutils',
  keyctl: 'keyutils',
  'docker-registry': 'docker-registry',
  skopeo: 'skopeo',
  umoci: 'umoci',
  buildah: 'buildah',
  htpasswd: 'apache2-utils',
  openssl: 'openssl',
  setcap: 'libcap2-bin',
  setfattr: 'attr',
  python3: 'python3-minimal',
  zstd: 'zstd',
  bsdtar: 'libarchive-tools',
  xz: 'xz-utils',
  strace: 'strace',
  podman: 'podman',
  dockerd: 'docker.io',
  ctr: 'containerd',
  'musl-gcc': 'musl-tools',
  ip: 'iproute2',
  ss: 'iproute2',
  ping: 'iputils-ping',
  iptables: 'iptables',
  ufw: 'ufw',
  nft: 'nftables',
  wget: 'wget',
  iperf3: 'iperf3',
  dnsmasq: 'dnsmasq-base',
  dig: 'bind9-dnsutils',
};

function installTestPackages() {
  const has = (program) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
  const packages = Object.entries(TEST_PACKAGES)
    .filter(([program]) => !has(program))
    .map(([, name]) => name);
  if (packages.length === 0) return;
  process.stderr.write(`test: installing ${packages.join(' ')}\n`);
  const install = `apt-get install -y -qq --no-install-recommends ${packages.join(' ')}`;
  must('sh', ['-c', `apt-get update -qq && DEBIAN_FRONTEND=noninteractive ${install}`]);
}

function testFiles(directory) {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => `${directory}/${name}`);
}

const total = { passed: 0, failed: 0, skipped: 0 };

/** Arguments of Node's test runner for these files. */
const runner = (files) => ['--test', '--test-reporter=spec', `--test-concurrency=${PARALLEL}`, ...files];

/** What the runners said of tests that failed, told once more at the end: the next suite's output would bury it. */
const failures = [];

/** Hands a runner's output on, and counts from its own summary. The result is called with its exit code. */
function counting(output, suite) {
  const counts = { pass: 0, fail: 0, skipped: 0, cancelled: 0 };
  let tellsFailures = false;
  createInterface({ input: output }).on('line', (line) => {
    const match = /^ℹ (pass|fail|skipped|cancelled) (\d+)$/.exec(line);
    if (match) counts[match[1]] = Number(match[2]);
    if (tellsFailures) failures.push(line);
    if (line === '✖ failing tests:') {
      tellsFailures = true;
      failures.push('', `of ${suite}:`);
    }
    process.stdout.write(`${line}\n`);
  });
  return (code) => {
    total.passed += counts.pass;
    total.failed += counts.fail + counts.cancelled;
    total.skipped += counts.skipped;
    // The runner itself fell over: no count says so.
    if (code !== 0 && counts.fail + counts.cancelled === 0) total.failed += 1;
  };
}

function run(suite, files, env = {}) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, runner(files), {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...env },
    });
    const count = counting(child.stdout, suite);
    child.once('close', (code) => resolve(count(code)));
  });
}

const suites = {
  check: () => {
    const { status } = spawnSync(process.execPath, ['tools/check.mjs', '--no-tests'], {
      stdio: ['ignore', 2, 'inherit'],
    });
    if (status === 0) total.passed += 1;
    else total.failed += 1;
  },
  unit: () => run('unit', ['build/src', 'build/tools'].flatMap(testFiles)),
  e2e: () => {
    installTestPackages();
    return run('e2e', testFiles('build/test/e2e'));
  },
  sanitize: async () => {
    installTestPackages();
    const program = 'dist/sanitize/mydocker';
    if (isStale(program)) must(process.execPath, ['tools/build.mjs', '--sanitize']);
    const reports = () =>
      readdirSync(SANITIZER_REPORTS).filter((name) => name.startsWith('mydocker-sanitizer.'));
    for (const name of reports()) rmSync(`${SANITIZER_REPORTS}/${name}`);
    await run('sanitize', testFiles('build/test/e2e'), {
      MYDOCKER_TEST_EXECUTABLE: `${process.cwd()}/${program}`,
      MYDOCKER_TEST_SLOWNESS: SANITIZED_SLOWNESS,
    });
    for (const name of reports()) {
      total.failed += 1;
      process.stdout.write(`sanitizer report: ${SANITIZER_REPORTS}/${name}\n`);
    }
  },
  fuzz: () =>
    new Promise((resolve) => {
      const child = spawn(process.execPath, ['build/test/fuzz/main.js'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const counts = { passed: 0, failed: 0 };
      createInterface({ input: child.stdout }).on('line', (line) => {
        const match = /^(\d+) passed, (\d+) failed$/.exec(line);
        if (match) Object.assign(counts, { passed: Number(match[1]), failed: Number(match[2]) });
        else process.stdout.write(`${line}\n`);
      });
      child.once('close', (code) => {
        total.passed += counts.passed;
        total.failed += code !== 0 && counts.failed === 0 ? 1 : counts.failed;
        resolve();
      });
    }),
  vm: async () => {
    installTestPackages();
    const { vmTests } = await import('./vm/tests.mjs');
    const output = new PassThrough();
    const count = counting(output, 'vm');
    const code = await vmTests(runner, output);
    await new Promise((resolve) => output.end(resolve));
    count(code);
  },
};

if (isStale('dist/mydocker') || !existsSync('node_modules/.bin/tsc'))
  must('sh', ['tools/setup.sh', process.cwd()]);
must('node_modules/.bin/tsc', ['-p', '.']);
for (const suite of SUITES.filter((name) => wanted.includes(name))) {
  process.stderr.write(`test: ${suite}\n`);
  await suites[suite]();
}
for (const line of failures) process.stdout.write(`${line}\n`);
if (total.skipped > 0) process.stdout.write(`${total.skipped} skipped; each says why above\n`);
process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
process.exit(total.failed === 0 && total.passed > 0 ? 0 : 1);
