/** What a container's root tries against the program that runs it; every one must fail. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { test } from 'node:test';
import { command, EXECUTABLE, Host, SLOWNESS, until } from './harness.ts';

const host = new Host();

test('an exec’ed process cannot be opened by the container before its program runs', async () => {
  // The lookup of the user reads the container's passwd file: made long, it keeps the process in the window.
  const watch = [
    `yes 'x:x:1:1::/:/bin/sh' | head -c ${60_000_000 / SLOWNESS} >/etc/passwd`,
    "echo 'root:x:0:0::/root:/bin/sh' >>/etc/passwd",
    'mkdir /seen; touch /ready',
    'while :; do for d in /proc/[0-9]*; do read name <$d/comm || continue',
    'case $name in shim*) if cat $d/maps >/seen/maps 2>>/seen/denied && [ -s /seen/maps ]; then',
    // A program being executed has the new name with a stack only, a moment before its own file is mapped.
    '  grep -v /bin/busybox /seen/maps | grep / >>/seen/leaks && mv /seen/leaks /seen/leak; fi;; esac',
    'done; done 2>/dev/null',
  ].join('\n');
  const id = await host.ok('run', '-d', '--name', 'watcher', 'busybox', 'sh', '-c', watch);
  await until(
    'the watcher is ready',
    async () => (await host.run(['exec', 'watcher', 'ls', '/ready'])).code === 0,
    20_000,
  );
  const list = `${host.root}/containers/${id}/upper/seen/denied`;
  const isDenied = () => existsSync(list) && readFileSync(list, 'utf8').includes('Permission denied');
  // A watcher that waits for the processor may not look in time.
  for (let i = 0; i < 5 || (i < 50 && !isDenied()); i++)
    assert.equal((await host.run(['exec', 'watcher', 'true'])).code, 0);
  assert.ok(isDenied(), 'the window was there, and closed');
  const leaked = await host.run(['exec', 'watcher', 'cat', '/seen/leak']);
  assert.match(
    leaked.stderr,
    /No such file/,
    `its memory could not be read, nor could its descriptors be taken: ${leaked.stdout}`,
  );
  await host.ok('rm', '-f', 'watcher');
});

test('-v onto a link of the image that leads nowhere: what it names is made, inside the root', async () => {
  const outside = mkdtempSync('/var/tmp/mydocker-outside-');
  const links = [
    'ln -s /made/deep/abs /etc/abs',
    'ln -s ../made/rel /etc/rel',
    `ln -s ../../../../../..${outside}/file /etc/out`,
    'ln -s /chain2 /chain1; ln -s made/chained /chain2',
    'ln -s /round2 /round1; ln -s /round1 /round2',
  ];
  await host.ok('run', '--name', 'linker', 'busybox', 'sh', '-c', links.join('; '));
  await host.ok('commit', 'linker', 'links');
  const bind = (target: string): string[] => ['-v', `/etc/hostname:${target}:ro`];
  const asked = ['/etc/abs', '/etc/rel', '/etc/out', '/chain1'].flatMap(bind);
  const made = ['/made/deep/abs', '/made/rel', `${outside}/file`, '/made/chained'];
  const seen = await host.ok('run', '--rm', ...asked, 'links', 'sh', '-c', `md5sum ${made.join(' ')}`);
  assert.deepEqual(new Set(seen.split('\n').map((line) => line.split(' ')[0])).size, 1, seen);
  assert.equal(seen.split('\n').length, 4);
  assert.deepEqual(readdirSync(outside), [], 'nothing was made on the host');
  assert.match(
    await host.fails(125, 'run', '--rm', ...bind('/round1'), 'links', 'true'),
    /ELOOP|symbolic link/,
  );
  rmSync(outside, { recursive: true });
  await host.ok('rm', 'linker');
});

test('no working directory below /proc/self/fd leads out (CVE-2024-21626)', async () => {
  const tries = Array.from({ length: 20 }, (_, i) => `/proc/self/fd/${i}`);
  for (const directory of tries) {
    const result = await host.run(['run', '--rm', '-w', directory, 'busybox', 'ls', '../../../..']);
    assert.equal(result.code, 125, `${directory}: ${result.stdout}`);
    assert.match(result.stderr, /step \d+, chdir /);
  }
  await host.ok('run', '-d', '--name', 'cwd', 'busybox', 'top');
  for (const directory of tries) {
    const result = await host.run(['exec', '-w', directory, 'cwd', 'ls', '../../../..']);
    assert.equal(result.code, 125, `${directory}: ${result.stdout}`);
  }
  await host.ok('rm', '-f', 'cwd');
});

test('the program that starts containers cannot be written through /proc/self/exe (CVE-2019-5736)', async () => {
  // Run as #!/proc/self/exe the shim would be executed inside; held open it could be written later.
  const directory = mkdtempSync('/var/tmp/mydocker-exe-');
  const script =
    'printf "#!/proc/self/exe\\n" >/evil; chmod +x /evil; /evil; exec 3>/proc/1/exe || echo refused';
  const plain = await host.run(['run', '--rm', '-v', `${directory}:/d`, 'busybox', 'sh', '-c', script]);
  assert.match(plain.stdout, /refused|^$/);
  const shim = await host.run(['run', '--rm', '--init', 'busybox', 'sh', '-c', 'echo x 3>>/proc/1/exe']);
  assert.notEqual(shim.code, 0);
  assert.match(shim.stderr, /Permission denied|Text file busy|Read-only/);
  assert.equal(await host.ok('run', '--rm', 'busybox', 'echo', 'still', 'whole'), 'still whole');
  rmSync(directory, { recursive: true });
});

test('the caller’s keyring is not the container’s', async (t) => {
  const script =
    `keyctl add user mydocker-test s3cr3t @s >/dev/null && ` +
    `${EXECUTABLE} run --rm --security-opt seccomp=unconfined -v /:/host:ro busybox chroot /host keyctl print %user:mydocker-test`;
  const result = await command('keyctl', ['session', '-', 'sh', '-c', script], {
    env: { MYDOCKER_ROOT: host.root },
  });
  t.diagnostic(result.stderr.trim());
  assert.notEqual(result.code, 0);
  assert.doesNotMatch(result.stdout, /s3cr3t/);
  assert.match(result.stderr, /not available|No such|keyctl/i);
});

test('a user without privilege can open its own streams by name, and nobody else’s', async () => {
  const write = 'echo out >/dev/stdout; echo err >/dev/stderr';
  const run = await host.run(['run', '--rm', '-u', '1000', 'busybox', 'sh', '-c', write]);
  assert.deepEqual([run.code, run.stdout, run.stderr], [0, 'out\n', 'err\n']);
  await host.ok('run', '-d', '--name', 'plain', 'busybox', 'top');
  const exec = await host.run(['exec', '-u', '1000', 'plain', 'sh', '-c', write]);
  assert.deepEqual([exec.code, exec.stdout, exec.stderr], [0, 'out\n', 'err\n']);
  await host.ok('rm', '-f', 'plain');
});

test('limits and OOM score of the caller are not the container’s', async () => {
  const script = `ulimit -Sn 64; echo 500 >/proc/self/oom_score_adj; ${EXECUTABLE} run --rm busybox sh -c 'ulimit -n'`;
  const { stdout } = await command('sh', ['-c', script], { env: { MYDOCKER_ROOT: host.root } });
  assert.ok(Number(stdout) > 64, stdout);
  const spared = `echo -100 >/proc/self/oom_score_adj 2>/dev/null || true; ${EXECUTABLE} run --rm busybox cat /proc/self/oom_score_adj`;
  const score = await command('sh', ['-c', spared], { env: { MYDOCKER_ROOT: host.root } });
  assert.equal(score.stdout, '0\n');
});

test('--init that cannot be started fails the start, and is not left out', async () => {
  const result = await host.run(['run', '--rm', '--init', '--pids-limit', '1', 'busybox', 'echo', 'hello']);
  assert.equal(result.code, 126);
  assert.equal(result.stdout, '');
  assert.match(result.stderr, /EAGAIN/);
});

test('mydocker in a chroot: exec stays in the container, and nothing leads up to the host', async () => {
  const chroot = mkdtempSync('/var/tmp/mydocker-chroot-');
  const script = [
    `mount --rbind / ${chroot}`,
    `export MYDOCKER_ROOT=${host.root}`,
    `md() { chroot ${chroot} ${EXECUTABLE} "$@"; }`,
    'md run -d --name caged --hostname caged busybox sleep 1000 >/dev/null',
    'md exec caged hostname',
    'md exec caged readlink /proc/1/exe',
    // The classic way out of a chroot: a directory above the root reached from below it.
    'md exec caged sh -c "mkdir /x; chroot /x ls ../../.. 2>&1; ls ../../../.."',
    'md rm -f caged',
  ].join('\n');
  const result = await command('unshare', ['-m', 'sh', '-c', script]);
  rmSync(chroot, { recursive: true });
  const [name, exe, ...listed] = result.stdout.trim().split('\n');
  assert.deepEqual([name, exe], ['caged', '/bin/busybox'], result.stderr);
  assert.ok(!listed.includes('boot'), `the host’s root was listed: ${listed.join(' ')}`);
});
