/**
 * A throw-away guest: QEMU with a stock Debian kernel and nothing but cgroup v2. It sees the host's root read-only (all
 * writes are lost), a copy of the checkout at the same path, and runs one command as root.
 * Works without hardware help: most CI machines are guests themselves.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  accessSync,
  closeSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { prepareKernel } from './kernel.mjs';

const CACHE = '/var/cache/mydocker-vm';
const MEMORY = '3G';
const DISK_BYTES = 8 * 2 ** 30;
/** Programs it takes, each by the Debian package that brings it. */
const PACKAGES = {
  'qemu-system-x86_64': 'qemu-system-x86',
  modprobe: 'kmod',
  cpio: 'cpio',
  'mkfs.ext4': 'e2fsprogs',
  xz: 'xz-utils',
  lz4: 'lz4',
  zstd: 'zstd',
};
const say = (line) => process.stderr.write(`vm: ${line}\n`);

function install() {
  const has = (program) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
  const missing = Object.keys(PACKAGES).filter((program) => !has(program));
  if (missing.length === 0) return;
  const names = missing.map((program) => PACKAGES[program]).join(' ');
  say(`installing ${names}`);
  const line = `apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ${names}`;
  execFileSync('sh', ['-c', line], { stdio: ['ignore', 2, 'inherit'] });
}

/** The processor's own instructions for guests; a /dev/kvm without them (a guest of PVM) boots no stock kernel. */
function hasKvm() {
  if (!/\b(vmx|svm)\b/.test(readFileSync('/proc/cpuinfo', 'utf8'))) return false;
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** An ext4 image of `bytes`, sparse, with a directory's files in it. */
function makeDisk(path, bytes, from) {
  writeFileSync(path, '');
  truncateSync(path, bytes);
  const fast = ['-q', '-F', '-E', 'lazy_itable_init=1,nodiscard', '-O', '^has_journal'];
  execFileSync('mkfs.ext4', [...fast, ...(from === undefined ? [] : ['-d', from]), path]);
}

/** What the tests need of the checkout, and only that: node_modules as a whole would take minutes. */
function copyCheckout(paths, to) {
  for (const path of paths) {
    if (!existsSync(path)) throw new Error(`${path} is not there: build first`);
    cpSync(path, `${to}/${path}`, { recursive: true, dereference: false, preserveTimestamps: true });
  }
}

function qemuArguments(kernel, run) {
  const kvm = hasKvm();
  say(`booting ${kernel.version} ${kvm ? 'with KVM' : 'in software (TCG): slow'}`);
  const share = (path, tag, more = '') => [
    '-virtfs',
    `local,path=${path},mount_tag=${tag},security_model=none,multidevs=remap${more}`,
  ];
  const drive = (file) => ['-drive', `if=virtio,format=raw,file=${file},cache=unsafe,discard=unmap`];
  const parameters =
    'console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable apparmor=0 random.trust_cpu=on cgroup_no_v1=all';
  return [
    ...['-M', 'q35', '-m', MEMORY, '-smp', String(Math.min(cpus().length, 4))],
    ...(kvm ? ['-accel', 'kvm', '-cpu', 'host'] : ['-accel', 'tcg,thread=multi,tb-size=1024', '-cpu', 'max']),
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-serial', `file:${run}/serial`],
    ...['-kernel', kernel.vmlinux, '-initrd', kernel.initramfs, '-append', parameters],
    ...share('/', 'hostroot', ',readonly=on'),
    ...share(`${run}/control`, 'control'),
    ...drive(`${run}/disk`),
    ...drive(`${run}/checkout`),
  ];
}

const quote = (word) => `'${word.replaceAll("'", `'\\''`)}'`;

function writeControl(run, kernel, argv, env) {
  const control = `${run}/control`;
  mkdirSync(control);
  const settings = {
    HERE: process.cwd(),
    VERSION: kernel.version,
    MODULES: `${kernel.files}/lib/modules/${kernel.version}`,
  };
  const lines = (values, prefix = '') =>
    Object.entries(values)
      .map(([name, value]) => `${prefix}${name}=${quote(String(value))}\n`)
      .join('');
  const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  writeFileSync(`${control}/settings`, lines(settings));
  writeFileSync(
    `${control}/environment`,
    lines({ HOME: '/root', USER: 'root', TERM: 'dumb', PATH: path, ...env }, 'export '),
  );
  writeFileSync(`${control}/command`, `${argv.map(quote).join(' ')}\n`);
  cpSync(new URL('./session.sh', import.meta.url), `${control}/session`);
  for (const name of ['stdout', 'stderr']) writeFileSync(`${control}/${name}`, '');
}

/** Hands on what a growing file gets, until told that it grows no more. */
async function follow(path, onData, isOver) {
  const fd = openSync(path, 'r');
  const buffer = Buffer.alloc(65_536);
  for (;;) {
    const over = isOver();
    let count = readSync(fd, buffer);
    for (; count > 0; count = readSync(fd, buffer)) onData(Buffer.from(buffer.subarray(0, count)));
    if (over) break;
    await sleep(100);
  }
  closeSync(fd);
}

/**
 * Runs a command in a fresh guest. `onStdout` and `onStderr` get its output as it comes; the result is its exit code.
 * Throws when the guest ends without one, or takes longer than `limitMs`.
 */
export async function runInGuest(argv, { checkout, env = {}, limitMs, onStdout, onStderr }) {
  if (process.arch !== 'x64') throw new Error('the guest is made for x86-64 hosts only');
  install();
  mkdirSync(CACHE, { recursive: true });
  const kernel = prepareKernel(CACHE, new URL('./init.sh', import.meta.url), say);
  const run = mkdtempSync('/var/tmp/mydocker-vm-');
  let qemu;
  const end = () => qemu?.kill('SIGKILL');
  const giveUp = () => {
    end();
    rmSync(run, { recursive: true, force: true });
    process.exit(130);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, giveUp);
  try {
    writeControl(run, kernel, argv, env);
    mkdirSync(`${run}/tree`);
    copyCheckout(checkout, `${run}/tree`);
    makeDisk(`${run}/checkout`, 2 ** 30, `${run}/tree`);
    rmSync(`${run}/tree`, { recursive: true });
    makeDisk(`${run}/disk`, DISK_BYTES);
    const log = openSync(`${run}/qemu.log`, 'w');
    qemu = spawn('qemu-system-x86_64', qemuArguments(kernel, run), { stdio: ['ignore', log, log] });
    closeSync(log);
    let over = false;
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      end();
    }, limitMs);
    const ended = new Promise((resolve) => {
      qemu.once('error', resolve);
      qemu.once('close', resolve);
    }).then(() => {
      over = true;
    });
    await Promise.all([
      ended,
      follow(`${run}/control/stdout`, onStdout, () => over),
      follow(`${run}/control/stderr`, onStderr, () => over),
    ]);
    clearTimeout(timer);
    return exitCode(
      run,
      late ? `took longer than ${limitMs / 60_000} minutes` : 'ended without an exit code',
    );
  } finally {
    end();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.removeListener(signal, giveUp);
    rmSync(run, { recursive: true, force: true });
  }
}

function exitCode(run, problem) {
  const file = `${run}/control/exit`;
  if (existsSync(file)) return Number(readFileSync(file, 'utf8'));
  const lastLines = (path) =>
    existsSync(path) && statSync(path).size > 0 ? readFileSync(path, 'latin1').split('\n').slice(-30) : [];
  for (const line of [...lastLines(`${run}/serial`), ...lastLines(`${run}/qemu.log`)]) say(line.trimEnd());
  throw new Error(`the guest ${problem}; the lines above are its last`);
}
