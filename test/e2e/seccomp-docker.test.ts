/**
 * Docker's own seccomp filter beside ours, call by call: both read out of the kernel, from a process that is under them.
 * What differs stands in docs/security.md, with its reason.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { ABIS, syscallNumbers } from '../../src/runtime/seccomp/numbers.ts';
import { simulate } from '../../src/runtime/seccomp/simulate.ts';
import { command, Host } from './harness.ts';
import { Tools } from './tools.ts';

const host = new Host();
const tools = new Tools();
after(() => tools.close());

/** Prints the one filter of a process: PTRACE_SECCOMP_GET_FILTER, ptrace(2). */
const DUMP = `
#include <linux/filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
int main(int argc, char **argv) {
  struct sock_filter code[4096];
  pid_t pid = argc == 2 ? atoi(argv[1]) : 0;
  if (ptrace(PTRACE_SEIZE, pid, 0, 0) || ptrace(PTRACE_INTERRUPT, pid, 0, 0) || waitpid(pid, 0, __WALL) != pid)
    return perror("seize"), 1;
  long count = ptrace(PTRACE_SECCOMP_GET_FILTER, pid, 0L, code);
  if (count < 0) return perror("PTRACE_SECCOMP_GET_FILTER"), 1;
  fwrite(code, sizeof *code, count, stdout);
  return 0;
}`;

before(async () => {
  await tools.startDocker();
  writeFileSync(`${tools.directory}/dump.c`, DUMP);
  execFileSync('gcc', ['-O1', '-Wall', '-o', `${tools.directory}/dump`, `${tools.directory}/dump.c`]);
  await host.ok('run', '--rm', 'busybox', 'true');
  await host.ok('save', '-o', `${tools.directory}/busybox.tar`, 'busybox');
  await tools.docker('load', '-q', '-i', `${tools.directory}/busybox.tar`);
});

function filterOf(pid: string): Uint8Array {
  const filter = execFileSync(`${tools.directory}/dump`, [pid]);
  assert.ok(filter.length > 80, `${filter.length} bytes`);
  return filter;
}

async function ourFilter(...flags: string[]): Promise<Uint8Array> {
  const id = await host.ok('run', '-d', ...flags, 'busybox', 'sleep', '1000');
  const filter = filterOf(await host.ok('inspect', '-f', '{{.State.Pid}}', id));
  await host.ok('rm', '-f', id);
  return filter;
}

async function dockersFilter(...flags: string[]): Promise<Uint8Array> {
  const id = await tools.docker('run', '-d', '--network', 'none', ...flags, 'busybox', 'sleep', '1000');
  const filter = filterOf(await tools.docker('inspect', '-f', '{{.State.Pid}}', id));
  await tools.docker('rm', '-f', id);
  return filter;
}

/** Those a profile of Docker's asks for. Not ALL: docker starts nothing then on a host that lacks one. */
const MANY =
  'DAC_READ_SEARCH SYSLOG SYS_ADMIN SYS_BOOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_TIME SYS_TTY_CONFIG';

/** First arguments that rules of either look at, and some beside them. */
const ARGUMENTS = [
  ...[0, 1, 2, 8, 10, 12, 16, 17, 38, 39, 40, 41, 45, 46, 0x20000, 0x20008, 0xffffffff],
  ...[0x10000000, 0x7e020000, 0x00020000, 0x003d0f00],
].map(BigInt);

/** What a filter answers to each call of each ABI of this machine: "amd64 socket" to "allow", "errno 1" … by argument. */
function answers(filter: Uint8Array): Map<string, string[]> {
  const all = new Map<string, string[]>();
  const word = (value: number): string =>
    value === 0x7fff0000 ? 'allow' : value >>> 16 === 5 ? `errno ${value & 0xffff}` : value.toString(16);
  for (const { abi, audit, bit } of ABIS) {
    if ((abi === 'arm64') !== (process.arch === 'arm64')) continue;
    for (const [name, nr] of syscallNumbers(abi)) {
      const each = ARGUMENTS.map((arg) =>
        word(simulate(filter, { arch: audit, nr: bit + nr, args: [arg] }).value),
      );
      all.set(`${abi} ${name}`, each);
    }
  }
  return all;
}

type Side = 'mydocker' | 'docker' | 'both';

/** Calls that are answered differently on any ABI: those that only one of the two allows, and those both refuse. */
function differing(ours: Uint8Array, dockers: Uint8Array): Record<Side, string[]> {
  const theirs = answers(dockers);
  const found = { mydocker: new Set<string>(), docker: new Set<string>(), both: new Set<string>() };
  for (const [call, mine] of answers(ours)) {
    const other = theirs.get(call) ?? [];
    if (mine.join() === other.join()) continue;
    const allows = (one: string[], two: string[]): boolean =>
      one.includes('allow') && one.every((answer, i) => answer === 'allow' || answer === two[i]);
    const side = allows(mine, other) ? 'mydocker' : allows(other, mine) ? 'docker' : 'both';
    const isRefused = ![...mine, ...other].includes('allow');
    assert.ok(side !== 'both' || isRefused, `${call}: ${mine.join()}; docker: ${other.join()}`);
    found[side].add(call.split(' ')[1] ?? '');
  }
  const sorted = (names: Set<string>): string[] => [...names].sort();
  return { mydocker: sorted(found.mydocker), docker: sorted(found.docker), both: sorted(found.both) };
}

/** The rows of the table in docs/security.md: calls that one of the two allows, or both refuse, and why. */
function explained(): Record<Side, string[]> {
  const text = readFileSync('docs/security.md', 'utf8');
  const rows = /<!-- seccomp -->([\s\S]*?)<!-- \/seccomp -->/.exec(text)?.[1] ?? '';
  const found: Record<Side, string[]> = { mydocker: [], docker: [], both: [] };
  for (const [, side, names = '', why = ''] of rows.matchAll(
    /^\| (mydocker|docker|both) +\| ([^|]*) \| (.*?) *\|$/gm,
  )) {
    assert.ok(why.length > 10, names);
    found[side as Side].push(...[...names.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name));
  }
  for (const names of Object.values(found)) names.sort();
  return found;
}

async function isDockerOfTheTable(): Promise<boolean> {
  return (await tools.docker('version', '-f', '{{.Server.Version}}')).startsWith('20.10.');
}

test('the default filter: every call that is allowed here and not by docker, or the other way round, is listed with its reason', async (t) => {
  if (!(await isDockerOfTheTable())) return t.skip('the table in docs/security.md is about docker 20.10');
  const found = differing(await ourFilter(), await dockersFilter());
  assert.deepEqual(found, explained());
});

test('docker’s own profile, compiled here and by libseccomp: the same answer to every call, with any capabilities', async (t) => {
  if (!(await isDockerOfTheTable())) return t.skip('the profile that Debian 12 has is that of docker 20.10');
  const { directory } = tools;
  const fetch = 'cd "$0" && apt-get download -q golang-github-docker-docker-dev && dpkg -x *.deb source';
  const { code, stdout, stderr } = await command('sh', ['-c', fetch, directory], { timeoutMs: 120_000 });
  assert.equal(code, 0, stdout + stderr);
  const profile = `${directory}/source/usr/share/gocode/src/github.com/docker/docker/profiles/seccomp/default.json`;
  for (const flags of [
    [],
    ['--cap-add', 'SYS_ADMIN'],
    ['--cap-drop', 'ALL', '--cap-add', 'SYS_PTRACE', '--cap-add', 'SYS_NICE'],
    MANY.split(' ').flatMap((name) => ['--cap-add', name]),
  ]) {
    const ours = await ourFilter(...flags, '--security-opt', `seccomp=${profile}`);
    const found = differing(ours, await dockersFilter(...flags));
    assert.deepEqual(found, { mydocker: [], docker: [], both: [] }, flags.join(' '));
  }
});
