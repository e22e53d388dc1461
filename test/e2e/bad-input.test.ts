/** Wrong words on the command line, and images that cannot run: one line says what, why and what to do. */
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { Host } from './harness.ts';
import { stateOf } from './state.ts';

const host = new Host();
const directory = mkdtempSync('/var/tmp/mydocker-bad-');
after(() => rmSync(directory, { recursive: true }));

/** Fails with the code; the one line matches, and ends in something to do; nothing is printed, and nothing changed. */
async function refused(
  args: readonly string[],
  code: number,
  line: RegExp,
  remedy: RegExp = /; \S/,
): Promise<void> {
  const before = stateOf(host.root);
  const result = await host.run(args);
  const said = `mydocker ${args.join(' ')}: ${result.stderr}`;
  assert.equal(result.code, code, said);
  assert.equal(result.stdout, '', said);
  assert.match(result.stderr, /^mydocker: [^\n]+\n$/, said);
  assert.match(result.stderr, line, said);
  assert.match(result.stderr, remedy, said);
  assert.deepEqual(stateOf(host.root), before, `${said}: state as before`);
}

const RUN = ['run', '--rm'];
const TRUE = ['busybox', 'true'];

/** Flags of `run --rm … busybox true`, and what must be said. */
const FLAGS: ReadonlyArray<readonly [flags: string[], line: RegExp]> = [
  [['--foo'], /unknown flag --foo for "mydocker run".*mydocker run --help/],
  [['--mem0ry', '64m'], /unknown flag --mem0ry.*--memory/],
  [['-Z'], /unknown flag -Z/],
  [['-m', 'abc'], /-m "abc" is no size.*100m/],
  [['-m', '10q'], /-m "10q" is no size/],
  [['-m', '-5m'], /-m "-5m" is no size/],
  [['-m', ''], /-m "" is no size/],
  [['-m', '4096'], /-m "4096" is too little.*512k/],
  [['-mem', '1.5.2m'], /"1\.5\.2m" is no size/],
  [['-cpu', '0'], /"0" is no percentage.*50/],
  [['-cpu', '-3'], /"-3" is no percentage/],
  [['--expose', '70000'], /--expose "70000": a port is a number from 1 to 65535/],
  [['--ip6', 'zzz'], /--ip6 "zzz" is no IPv6 address.*fd00::5/],
  [['--mac-address', '02:42'], /--mac-address "02:42" is no MAC address/],
  [['--cap-drop', 'NONSENSE'], /--cap-drop: there is no capability "NONSENSE"/],
  [['--stop-timeout', '-5'], /--stop-timeout "-5" is no number of seconds/],
  [['-cpu', '99999'], /"99999" is no percentage/],
  [['--cpus', 'many'], /--cpus "many" is no number of cores/],
  [['--cpus', '0'], /--cpus "0" is no number of cores/],
  [['-cpu', '50', '--cpus', '0.5'], /cpus?/],
  [['--cpuset-cpus', 'a-b'], /--cpuset-cpus "a-b" is no list of cores/],
  [['--cpuset-cpus', '3-1'], /3-1/],
  [['--cpuset-cpus', '0,999'], /cpuset-cpus "0,999": this host has no core 999/],
  [['--cpuset-cpus', '900-4000000000'], /this host has no core 900, 901, 902, 903 …/],
  [['--pids-limit', 'few'], /--pids-limit "few"/],
  [['-e', '=x'], /-e "=x" has no name/],
  [
    ['--env-file', '/nonexistent/env'],
    /--env-file "\/nonexistent\/env" cannot be read: there is no such file/,
  ],
  [['--env-file', '/etc'], /--env-file "\/etc" cannot be read: EISDIR/],
  [['-v', 'tmp'], /the container path "tmp" is not absolute/],
  [['-v', 'a/b:/data'], /"a\/b" is neither a path nor the name of a volume/],
  [['-v', '/tmp:data'], /"data" is not absolute/],
  [['-v', '/tmp:/'], /the whole root/],
  [['-v', '/tmp:/a:rx'], /"rx" is neither ro nor rw/],
  [['-v', '/nonexistent/data:/data'], /the host path \/nonexistent\/data does not exist; create it first/],
  [['-v', '/etc/passwd/x:/data'], /the host path \/etc\/passwd\/x cannot be reached \(ENOTDIR\)/],
  [['--mount', 'type=nfs,target=/a'], /there is no type "nfs"/],
  [['--mount', 'type=bind,source=/tmp'], /target/],
  [['--tmpfs', 'run'], /"run" is not absolute/],
  [['--tmpfs', '/run:size=x'], /"x" is no size/],
  [['-w', 'tmp'], /"tmp" is no absolute path/],
  [['--hostname', 'a b'], /"a b" is no host name/],
  [['--stop-signal', 'SIGNOPE'], /SIGNOPE/],
  [['--stop-timeout', 'soon'], /--stop-timeout "soon" is no number of seconds/],
  [['--name', 'a/b'], /--name "a\/b" is no name/],
  [['--name', '../../etc/x'], /is no name/],
  [['--net', 'nonet'], /no such network: nonet; see all with: mydocker network ls/],
  [['-p', '8080:80'], /-p|ports?/],
  [['--label', '=x'], /has no name/],
  [['--cidfile', '/etc/passwd'], /\/etc\/passwd exists already/],
  [['--cidfile', '/nonexistent/id'], /\/nonexistent\/id cannot be created/],
  [['--rm=maybe'], /maybe/],
  [['-m'], /-m/],
];

test('malformed flags of run: each named, with a right example', async () => {
  await host.ok('run', ...TRUE);
  for (const [flags, line] of FLAGS) {
    const last = flags.length === 1 && flags[0] === '-m';
    await refused([...RUN, ...flags, ...(last ? [] : TRUE)], 125, line);
  }
});

test('an env file’s bad line is named by its number', async () => {
  writeFileSync(`${directory}/env`, '# fine\nA=b\n\n=nothing\n');
  await refused(
    [...RUN, '--env-file', `${directory}/env`, ...TRUE],
    125,
    /line 4: "=nothing" has no valid name/,
  );
});

test('commands: none, unknown, without what they need', async () => {
  await refused([], 125, /no command given/);
  await refused(['rnu', ...TRUE], 125, /unknown command "rnu"; did you mean "run"\?/);
  await refused(['run'], 125, /"mydocker run" needs at least 1 argument/);
  await refused(['exec', 'x'], 125, /"mydocker exec" needs at least 2 arguments/);
  await refused(['container', 'fly'], 125, /unknown command "container fly"/);
  await refused(['--root', 'relative', 'ps'], 125, /root directory "relative" cannot be used/);
  await refused(['--root', '/a:b', 'ps'], 125, /must be absolute, without ":"/);
});

test('unknown images and containers', async () => {
  const never = ['--pull', 'never'];
  await refused(['run', '--rm', ...never, 'nosuch:tag', 'true'], 125, /no image "?nosuch:tag"?/);
  await refused(['run', '--rm', ...never, 'some/where', 'true'], 125, /no image "?some\/where"?/);
  await refused(['run', '--rm', '--pull', 'sometimes', 'busybox', 'true'], 125, /--pull "sometimes"/);
  const nobody = '127.0.0.1:1/some/where';
  await refused(
    ['run', '--rm', nobody, 'true'],
    125,
    /cannot reach the registry 127\.0\.0\.1:1: .*"busybox"/,
  );
  await refused(['create', nobody, 'true'], 125, /cannot reach the registry 127\.0\.0\.1:1: .*"busybox"/);
  await refused(['run', '--rm', 'NoSuch'], 125, /no image and no busybox command named "NoSuch"/);
  await refused(['run', '--rm', 'bad@@ref', 'true'], 125, /bad@@ref/);
  for (const verb of ['start', 'stop', 'kill', 'rm', 'logs', 'wait', 'attach', 'restart', 'commit']) {
    await refused([verb, 'nobody'], 1, /nobody/);
  }
  await refused(['inspect', '-f', '{{.Id}}', 'nobody'], 1, /no container and no image "nobody"/);
  await refused(['exec', 'nobody', 'true'], 1, /no such container: nobody/);
  await refused(['rename', 'nobody', 'some'], 1, /no such container: nobody/);
  await refused(['rmi', 'nobody'], 1, /nobody/);
});

test('a name in use is refused, and its owner is named', async () => {
  const id = await host.ok('create', '--name', 'bird', ...TRUE);
  await refused(
    ['run', '--name', 'bird', ...TRUE],
    125,
    new RegExp(`"bird" is in use by container ${id.slice(0, 12)}`),
  );
  await host.ok('rm', 'bird');
});

test('a working directory, user or program the image lacks', async () => {
  await refused(
    [...RUN, '-w', '/nosuch', ...TRUE],
    125,
    /step \d+, chdir \/nosuch: ENOENT: the image has no such directory; .*-w/,
  );
  await refused(
    [...RUN, '-w', '/etc/passwd', ...TRUE],
    125,
    /chdir \/etc\/passwd: ENOTDIR: it is not a directory/,
  );
  await refused([...RUN, '-u', 'nosuch', ...TRUE], 125, /become user "nosuch": ESRCH: .*no such user/);
  await refused(
    [...RUN, '-u', 'root:nosuch', ...TRUE],
    125,
    /become user "root:nosuch": ENXIO: .*no such group/,
  );
  await refused([...RUN, 'busybox', 'nosuch'], 127, /execute nosuch: ENOENT: no directory of PATH has it/);
  await refused([...RUN, 'busybox', '/nosuch'], 127, /execute \/nosuch: ENOENT: the image has no such file/);
  await refused(
    [...RUN, 'busybox', '/etc/passwd'],
    126,
    /execute \/etc\/passwd: EACCES: \/etc\/passwd is not executable/,
  );
  await refused([...RUN, 'busybox', '/tmp'], 126, /execute \/tmp: EACCES/);
  await refused([...RUN, 'busybox', ''], 127, /execute/);
});

test('a file on a directory, a directory on a file', async () => {
  await refused(
    [...RUN, '-v', `${directory}:/etc/passwd`, ...TRUE],
    125,
    /mount on \/etc\/passwd: ENOTDIR: one of the two is a file/,
  );
  await refused(
    [...RUN, '-v', '/etc/passwd:/tmp', ...TRUE],
    125,
    /mount on \/tmp: ENOTDIR: one of the two is a file/,
  );
});

/** An image of one directory that holds files nobody can start. */
async function importHopeless(): Promise<void> {
  const root = `${directory}/rootfs`;
  mkdirSync(`${root}/bin`, { recursive: true });
  for (const name of ['proc', 'sys', 'dev', 'etc', 'tmp']) mkdirSync(`${root}/${name}`);
  copyFileSync('/bin/true', `${root}/bin/dynamic`);
  writeFileSync(`${root}/bin/crlf`, '#!/bin/sh\r\necho hello\r\n');
  writeFileSync(`${root}/bin/perl-script`, '#!/usr/bin/perl -w\nprint 1;\n');
  writeFileSync(`${root}/bin/spaced`, '#! /opt/my interpreter\n');
  writeFileSync(`${root}/bin/garbage`, Buffer.from([1, 2, 3, 4, 5, 6, 7, 8]));
  writeFileSync(`${root}/bin/empty`, '');
  writeFileSync(`${root}/bin/elf-header-only`, Buffer.from('7f454c4602010100', 'hex'));
  for (const name of ['crlf', 'perl-script', 'spaced', 'garbage', 'empty', 'elf-header-only', 'dynamic'])
    chmodSync(`${root}/bin/${name}`, 0o755);
  await host.ok('import', root, 'hopeless');
}

test('a program without its loader or interpreter: the message names the missing file', async () => {
  await importHopeless();
  const run = (program: string, code: number, line: RegExp) =>
    refused([...RUN, 'hopeless', program], code, line);
  const loader =
    process.arch === 'arm64'
      ? /needs \/lib\/ld-linux-aarch64\.so\.1/
      : /needs \/lib64\/ld-linux-x86-64\.so\.2/;
  await run('dynamic', 127, /\/bin\/dynamic is there, but needs \/lib.*, which the image lacks/);
  await run('/bin/dynamic', 127, loader);
  await run(
    'crlf',
    127,
    /first line of \/bin\/crlf ends in a carriage return, so the kernel looks for "\/bin\/sh\\r"; .*dos2unix/,
  );
  await run('/bin/crlf', 127, /carriage return/);
  await run(
    'perl-script',
    127,
    /\/bin\/perl-script is there, but needs \/usr\/bin\/perl, which the image lacks/,
  );
  await run('spaced', 127, /needs \/opt\/my, which the image lacks/);
  for (const program of ['garbage', 'empty', 'elf-header-only']) {
    await run(
      program,
      126,
      new RegExp(`ENOEXEC: /bin/${program} is neither a program for this machine nor a script`),
    );
  }
  await host.ok('rmi', 'hopeless');
});

test('exec: the same words for a running container, which is left as it was', async () => {
  await host.ok('run', '-d', '--name', 'bird', 'busybox', 'sleep', '600');
  const exec = (args: string[], code: number, line: RegExp) => refused(['exec', ...args], code, line);
  await exec(['bird', 'nosuch'], 127, /cannot exec in bird: step \d+, execute nosuch: ENOENT/);
  await exec(['bird', '/etc/passwd'], 126, /execute \/etc\/passwd: EACCES/);
  await exec(['-u', 'nosuch', 'bird', 'true'], 125, /no such user/);
  await exec(['-w', '/nosuch', 'bird', 'true'], 125, /no such directory/);
  await exec(['-w', 'tmp', 'bird', 'true'], 125, /"tmp" is no absolute path/);
  await exec(['-e', '=x', 'bird', 'true'], 125, /has no name/);
  await host.ok('kill', 'bird');
  await exec(
    ['bird', 'true'],
    1,
    /cannot exec in bird: the container is not running; start it with: mydocker start bird/,
  );
  await host.ok('rm', 'bird');
});

test('import of what is no image', async () => {
  writeFileSync(`${directory}/text`, 'this is no tar file\n'.repeat(100));
  await refused(['import', `${directory}/text`, 'made'], 125, /it is no tar archive/);
  await refused(
    ['import', '/nonexistent.tar', 'made'],
    1,
    /cannot import \/nonexistent\.tar: there is no such file/,
  );
  await refused(['import', directory, 'Bad Name'], 125, /Bad Name/);
  await refused(['import', '-c', 'FLY away', directory, 'made'], 125, /FLY/);
});
