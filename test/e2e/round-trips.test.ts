/** Images that go through other tools and come back: what a container sees is what they hold, entry by entry. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { after, test } from 'node:test';
import { until } from './harness.ts';
import { PullHost } from './pulls.ts';
import { Registry } from './registry.ts';
import { Tools } from './tools.ts';
import { nameIn, treeOf } from './tree.ts';

const host = new PullHost();
const tools = new Tools();
const registry = await Registry.start();
const directory = mkdtempSync('/var/tmp/mydocker-trips-');
after(async () => {
  await tools.close();
  await registry.stop();
  rmSync(directory, { recursive: true });
});

/** What every container has of its own. */
const MOUNTED = ['./proc', './sys', './dev', './etc'];

/** Carries out a script in a directory of the host. */
const within = (path: string, script: string): void => {
  mkdirSync(path, { recursive: true });
  execFileSync('sh', ['-ec', script], { cwd: path, stdio: ['ignore', 'ignore', 'inherit'] });
};

/** A tree without its root, whose time other tools set anew. */
const entries = (path: string, options: Parameters<typeof treeOf>[1] = {}): string[] =>
  treeOf(path, options).filter((line) => nameIn(line) !== '.');

/** What the kernel shows a container that runs, through its own root. */
async function seenBy(container: string, options: Parameters<typeof treeOf>[1] = {}): Promise<string[]> {
  const pid = await host.ok('inspect', '-f', '{{.State.Pid}}', container);
  return entries(`/proc/${pid}/root/.`, { without: MOUNTED, ...options });
}

/** The same of a new container of an image, which runs the image's own program for it. */
async function seenIn(image: string, options: Parameters<typeof treeOf>[1] = {}): Promise<string[]> {
  const id = await host.ok('run', '-d', '--pull', 'always', image, '/bin/busybox', 'sleep', '1000');
  const seen = await seenBy(id, options);
  await host.ok('rm', '-f', id);
  return seen;
}

/** All that a file can be. Beside it a program, so that it runs. */
const FIRST = `
  mkdir -p bin data/dir/deep data/gone-dir/sub data/replaced data/nest/a/b data/to-file data/moved
  cp /bin/busybox bin/busybox; ln -s busybox bin/sh
  cd data
  for name in keep gone file dir/a dir/deep/b gone-dir/sub/c replaced/old nest/a/b/d to-file/e moved/f owned suid; do echo "$name" > $name; done
  ln keep linked; ln dir/a dir/deep/also-a; ln -s ../keep dir/link; ln -s /nowhere dangling
  chown 1234:5678 owned; chown -h 7:8 dangling; chmod 4755 suid; chmod 1777 replaced
  cp /bin/true capable; setcap cap_net_bind_service=ep capable
  setfattr -n user.note -v 'some words' keep; setfattr -n user.dir -v d dir
  mkfifo pipe; mknod zero c 1 5; head -c 70000 /dev/urandom > large; truncate -s 1M holes
  : > "$(printf 'latin1-\\344')"; : > "$(printf 'n%.0s' $(seq 1 255))"
  touch -d '2001-02-03 04:05:06.123456789' large; touch -h -d @1 dangling; touch -d '1999-12-31 23:59:59' dir`;

/** Everything that a layer can do to those below. */
const SECOND = `
  cd data
  rm gone; rm -r gone-dir
  rm -r replaced; mkdir replaced; echo new > replaced/new
  rm file; mkdir file; echo inside > file/inside
  rm -r to-file; echo 'a file now' > to-file
  rm -r nest; mkdir -p nest/a; echo fresh > nest/a/fresh
  mv moved moved-away
  echo more >> linked; ln keep hard-to-below; echo x > new; ln new dir/deep/new-too
  cp capable capable-too; setcap cap_net_raw=ep capable-too; setfattr -n user.note -v 'other words' keep
  chown 12:34 suid; chmod 2755 suid; chmod 700 dir; ln -sfn /elsewhere dangling; rm pipe; mkfifo -m 600 pipe2
  mknod null c 1 3; truncate -s 2M holes; printf end >> holes; : > "$(printf 'new-\\377')"
  touch -d '2002-03-04 05:06:07.5' new; touch -d '1969-12-31 23:59:58' large; touch -d '2003-04-05 06:07:08' dir .`;

test('commit of deleted files, replaced directories, hard links, capabilities: umoci unpacks what the container saw', async () => {
  const base = `${directory}/base`;
  // The container has the host's own programs: a busybox sets no capabilities.
  within(
    base,
    `${FIRST}\ncd ..; mkdir usr; for name in lib lib64 sbin; do ln -s usr/$name $name; done; mkdir root-dir; echo x > root-dir/x; echo y > root-file`,
  );
  await host.ok('import', base, 'base');
  const script = `set -e; cd /; ${SECOND}; rm /root-file; rm -r /root-dir; mkdir /root-dir; echo ready; exec sleep 1000`;
  const program = ['/usr/bin/sh', '-c', `PATH=/usr/sbin:/usr/bin; ${script}`];
  const id = await host.ok('run', '-d', '--name', 'maker', '-v', '/usr:/usr:ro', 'base', ...program);
  const said = async (): Promise<string> =>
    (await host.ok('logs', id)) + (await host.run(['logs', id])).stderr;
  await until(
    'it has written',
    async () => {
      const running = (await host.ok('inspect', '-f', '{{.State.Running}}', id)) === 'true';
      if (!running) assert.fail(await said());
      return (await said()).includes('ready');
    },
    60_000,
  );
  const without = [...MOUNTED, './usr'];
  const seen = await seenBy('maker', { nanoseconds: true, without });
  const plain = await seenBy('maker', { without });
  assert.ok(seen.some((line) => /security\.capability=/.test(line)) && seen.length > 40, seen.join('\n'));
  const name = `${registry.host}/committed:v1`;
  await host.ok('commit', 'maker', name);
  await host.ok('rm', '-f', 'maker');
  await host.ok('push', '-q', name);
  await host.ok('rmi', name, 'base');

  const layout = `oci:${directory}/layout:committed`;
  await tools.skopeo('copy', '-q', '--src-tls-verify=false', `docker://${name}`, layout);
  const image = `${directory}/layout:committed`;
  await tools.umoci('unpack', '--image', image, `${directory}/unpacked`);
  assert.deepEqual(entries(`${directory}/unpacked/rootfs`, { without }), plain, 'what umoci unpacks');
  assert.deepEqual(await seenIn(name, { nanoseconds: true, without }), seen, 'what a container of it sees');
});

/** Saved from our store, read by skopeo, unpacked by umoci: the entries are those that a container sees. */
async function savedIs(name: string, tag: string, seen: readonly string[]): Promise<void> {
  const archive = `${directory}/${tag}.tar`;
  await host.ok('save', '--format', 'oci-archive', '-o', archive, name);
  await tools.skopeo('copy', '-q', `oci-archive:${archive}`, `oci:${directory}/saved:${tag}`);
  await tools.umoci('unpack', '--image', `${directory}/saved:${tag}`, `${directory}/saved-${tag}`);
  assert.deepEqual(entries(`${directory}/saved-${tag}/rootfs`, { without: MOUNTED }), seen, `saved: ${name}`);
}

test('two layers that buildah wrote, in both formats: registry, pull, run: the container sees what buildah has', async () => {
  for (const format of ['oci', 'docker']) {
    const first = await tools.buildah('from', 'scratch');
    within(await tools.buildah('mount', first), FIRST);
    await tools.buildah('commit', '-q', '--format', format, first, `first-${format}`);
    const second = await tools.buildah('from', '--pull-never', `first-${format}`);
    const tree = await tools.buildah('mount', second);
    within(tree, SECOND);
    await tools.buildah('commit', '-q', '--format', format, second, `second-${format}`);
    const name = `${registry.host}/buildah:${format}`;
    await tools.buildah('push', '-q', '--tls-verify=false', `second-${format}`, `docker://${name}`);
    const seen = await seenIn(name);
    assert.deepEqual(seen, entries(tree, { without: MOUNTED }), format);
    await savedIs(name, `buildah-${format}`, seen);
  }
});

test('two layers that umoci wrote: registry, pull, run: the container sees what umoci unpacks', async () => {
  const layout = `${directory}/umoci`;
  await tools.umoci('init', '--layout', layout);
  await tools.umoci('new', '--image', `${layout}:v1`);
  for (const [i, script] of [FIRST, SECOND].entries()) {
    await tools.umoci('unpack', '--image', `${layout}:v1`, `${directory}/bundle-${i}`);
    within(`${directory}/bundle-${i}/rootfs`, script);
    await tools.umoci('repack', '--image', `${layout}:v1`, `${directory}/bundle-${i}`);
  }
  const name = `${registry.host}/umoci:v1`;
  await tools.skopeo('copy', '-q', '--dest-tls-verify=false', `oci:${layout}:v1`, `docker://${name}`);
  // It rounds times when it packs: what it unpacks again is what the image holds.
  await tools.umoci('unpack', '--image', `${layout}:v1`, `${directory}/bundle`);
  const seen = await seenIn(name);
  assert.deepEqual(seen, entries(`${directory}/bundle/rootfs`, { without: MOUNTED }));
  await savedIs(name, 'umoci', seen);
});

test('export, unpacked, and import, from the tar and from the tree: again the same container', async () => {
  const name = `${registry.host}/umoci:v1`;
  const seen = await seenIn(name, { nanoseconds: true });
  const id = await host.ok('create', name, '/bin/busybox');
  const [tar, tree] = [`${directory}/exported.tar`, `${directory}/exported`];
  await host.ok('export', '-o', tar, id);
  await host.ok('rm', id);
  mkdirSync(tree);
  execFileSync('tar', ['-C', tree, '--xattrs', '--xattrs-include=*', '-xpf', tar]);
  assert.deepEqual(entries(tree, { nanoseconds: true, without: MOUNTED }), seen, 'the tree');
  for (const source of [tar, tree]) {
    await host.ok('import', source, `${registry.host}/again:v1`);
    await host.ok('push', '-q', `${registry.host}/again:v1`);
    await host.ok('rmi', `${registry.host}/again:v1`);
    assert.deepEqual(await seenIn(`${registry.host}/again:v1`, { nanoseconds: true }), seen, source);
  }
});
