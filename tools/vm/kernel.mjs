/**
 * A stock Debian kernel for the guest, unpacked into a cache and never installed, and an initramfs for it.
 * Everything is made once for each version of the kernel package.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename } from 'node:path';

/** Depends on the newest kernel of the release. Not the "cloud" flavour: that one has no 9p. */
const META_PACKAGE = 'linux-image-amd64';
/** What the initramfs loads by itself: the shares, the disks, the root's overlay. The rest is loaded on use. */
const EARLY_MODULES = ['virtio_pci', '9pnet_virtio', '9p', 'virtio_blk', 'crc32c_generic', 'ext4', 'overlay'];

const text = (file, args) => execFileSync(file, args, { encoding: 'utf8' });

/** "linux-image-6.1.0-50-amd64": what the meta package stands for today. */
function packageName() {
  const depends = text('apt-cache', ['depends', META_PACKAGE]);
  const name = /Depends: (linux-image-\d\S*)/.exec(depends)?.[1];
  if (name === undefined) throw new Error(`${META_PACKAGE} depends on no kernel: ${depends}`);
  return name;
}

/**
 * The kernel as an ELF file: QEMU enters that directly, and the guest need not unpack itself, which takes a software
 * CPU seconds. Where the payload lies in a bzImage: Documentation/arch/x86/boot.rst, payload_offset.
 */
function uncompress(image) {
  const bytes = readFileSync(image);
  const start = ((bytes[0x1f1] ?? 0) + 1) * 512 + bytes.readUInt32LE(0x248);
  const payload = bytes.subarray(start, start + bytes.readUInt32LE(0x24c) - 4);
  const programs = { fd377a58: 'xz', '02214c18': 'lz4', '28b52ffd': 'zstd', '1f8b0800': 'gzip' };
  const program = programs[payload.toString('hex', 0, 4)];
  if (program === undefined) return bytes;
  const out = spawnSync(program, ['-dc'], { input: payload, maxBuffer: 2 ** 28 }).stdout;
  return out.readUInt32BE(0) === 0x7f454c46 ? out : bytes;
}

function unpackKernel(name, directory) {
  const fresh = `${directory}.new`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  execFileSync('apt-get', ['download', '-qq', name], { cwd: fresh, stdio: ['ignore', 2, 'inherit'] });
  const deb = readdirSync(fresh).find((file) => file.endsWith('.deb'));
  execFileSync('dpkg', ['-x', `${fresh}/${deb}`, `${fresh}/files`]);
  rmSync(`${fresh}/${deb}`);
  if (!existsSync(`${fresh}/files/lib`)) symlinkSync('usr/lib', `${fresh}/files/lib`);
  const [version] = readdirSync(`${fresh}/files/lib/modules`);
  execFileSync('depmod', ['-b', `${fresh}/files`, version]);
  writeFileSync(`${fresh}/vmlinux`, uncompress(`${fresh}/files/boot/vmlinuz-${version}`));
  writeFileSync(`${fresh}/version`, version);
  rmSync(directory, { recursive: true, force: true });
  renameSync(fresh, directory);
}

/** busybox, the early modules in the order of their needs, and init.sh. */
function makeInitramfs(kernel, script) {
  const tree = `${kernel.directory}/initramfs`;
  rmSync(tree, { recursive: true, force: true });
  for (const name of ['bin', 'lib', 'proc', 'sys', 'dev', 'host', 'up', 'new'])
    mkdirSync(`${tree}/${name}`, { recursive: true });
  copyFileSync(text('sh', ['-c', 'command -v busybox']).trim(), `${tree}/bin/busybox`);
  copyFileSync(script, `${tree}/init`);
  chmodSync(`${tree}/init`, 0o755);
  const lines = EARLY_MODULES.flatMap((name) =>
    text('modprobe', ['-d', kernel.files, '-S', kernel.version, '--show-depends', name]).split('\n'),
  );
  const paths = lines.filter((line) => line.startsWith('insmod ')).map((line) => line.split(' ')[1] ?? '');
  const order = [...new Set(paths)];
  for (const path of order) copyFileSync(path, `${tree}/lib/${basename(path)}`);
  writeFileSync(`${tree}/modules`, order.map((path) => `${basename(path)}\n`).join(''));
  const pack = `cd '${tree}' && find . | cpio -o -H newc --quiet | gzip -1 > ../initramfs.gz`;
  execFileSync('sh', ['-c', pack], { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Fetches and prepares what is not there yet. `script`: the initramfs's /init. */
export function prepareKernel(cache, script, say) {
  const name = packageName();
  const directory = `${cache}/${name}`;
  if (!existsSync(`${directory}/version`)) {
    say(`fetching ${name}`);
    unpackKernel(name, directory);
  }
  const version = readFileSync(`${directory}/version`, 'utf8');
  const kernel = {
    directory,
    version,
    files: `${directory}/files`,
    vmlinux: `${directory}/vmlinux`,
    initramfs: `${directory}/initramfs.gz`,
  };
  makeInitramfs(kernel, script);
  return kernel;
}
