/** What a process sees in our container and in docker's own, side by side. Each difference stands in docs/security.md, with its reason. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Host } from './harness.ts';
import { Tools } from './tools.ts';

const host = new Host();
const tools = new Tools();
after(() => tools.close());

before(async () => {
  await tools.startDocker();
  await host.ok('run', '--rm', 'busybox', 'true');
  await host.ok('save', '-o', `${tools.directory}/busybox.tar`, 'busybox');
  await tools.docker('load', '-q', '-i', `${tools.directory}/busybox.tar`);
});

/** One line for each thing that can be seen: "mount /proc proc rw,nosuid". */
const LOOK = [
  'sed -n "s/^\\(Cap...\\|NoNewPrivs\\|Seccomp\\|Uid\\|Gid\\|Groups\\|Umask\\):[[:space:]]*/status \\1 /p" /proc/self/status',
  `awk '{ for (i = 7; $i != "-"; i++); print "mount", $5, $4, $(i + 1), $6, $(i + 3) }' /proc/self/mountinfo`,
  'for f in /proc/asound /proc/acpi /proc/kcore /proc/keys /proc/latency_stats /proc/timer_list /proc/timer_stats /proc/sched_debug /proc/scsi /sys/firmware /sys/devices/virtual/powercap /proc/interrupts; do [ -e $f ] && echo "hidden $f $(ls -A $f 2>/dev/null | wc -l) $(head -c 1 $f 2>/dev/null | wc -c)"; done',
  'for f in /proc/sys/kernel/hostname /proc/bus /proc/fs /proc/irq /proc/sysrq-trigger /sys/kernel /; do [ -e $f ] && { touch -c $f 2>/dev/null && echo "writable $f yes" || echo "writable $f no"; }; done',
  'cd /dev; for f in * pts/* shm/* mqueue/*; do [ -e $f ] && echo "dev $f $(stat -c "%A %u:%g %t:%T" $f) $(readlink $f)"; done',
  'cd /proc/self/attr && for f in *; do [ -f $f ] && echo "attr $f $(cat $f 2>/dev/null)"; done; cd /',
  'sed "1d;s/  */ /g;s/^/limit /" /proc/self/limits',
  'env | sed "s/^/env /"',
  'ls -l /proc/self/fd | sed -n "s/.* \\([0-9]*\\) -> /fd \\1 /p"',
  'sed "s/^[0-9]*:/cgroup /" /proc/self/cgroup',
  'for n in cgroup ipc mnt net pid uts user time; do echo "ns $n $(readlink /proc/self/ns/$n)"; done',
  'echo "other oom_score_adj $(cat /proc/self/oom_score_adj)"; echo "other session $(ps -o pid,ppid,pgid,sid 2>/dev/null | sed -n 2p)"; echo "other pwd $(cd - >/dev/null; pwd)"; echo "other root $(stat -c "%a %u:%g" /)"',
  'for f in hosts hostname resolv.conf; do echo "file /etc/$f $(stat -c "%a %u:%g" /etc/$f)"; done; ls -a / | sed "s/^/entry /"',
  'for s in net.ipv4.ip_unprivileged_port_start net.ipv4.ping_group_range kernel.domainname; do echo "sysctl $s $(cat /proc/sys/$(echo $s | tr . /))"; done; ls /sys/class/net | sed "s/^/link /"',
].join('\n');

/** What differs from run to run, or is the host's and not the tool's. */
function plain(text: string): string[] {
  return text
    .split('\n')
    .map((line) =>
      line
        .replace(/\b[0-9a-f]{64}\b/g, 'ID')
        .replace(/\b[0-9a-f]{12}\b/g, 'ID')
        .replace(/(ipc|mnt|net|pid|uts|cgroup|user|time):\[\d+\]/g, '$1:[own]')
        .replace(/(pipe|socket):\[\d+\]/g, '$1')
        .replace(/(lowerdir|upperdir|workdir)=[^,]*/g, '$1')
        // How many controllers a host has, and what its disk is, differs from host to host.
        .replace(/^(mount \/etc\/\S+) .*/, '$1')
        .replace(/^cgroup [^:]*:/, 'cgroup EACH:')
        .replace(
          /^mount \/sys\/fs\/cgroup\/(?!systemd)\S+ (\S+ cgroup \S+) rw,.*/,
          'mount /sys/fs/cgroup/EACH $1',
        )
        .replace(/^mount (\/proc|\/sys)\/(?!fs\/cgroup)\S+ \/ tmpfs /, 'mount MASKED tmpfs ')
        .replace(/^mount \/ \S+\/vfs\/dir\/ID \S+ (\S+) .*/, 'mount / DIRECTORY $1')
        .replace(/^(mount \/ \/ overlay \S+) .*/, '$1')
        .trim(),
    )
    .filter((line) => line !== '' && !/^fd \d+ \/proc\/\d+\/fd$/.test(line))
    .sort();
}

async function seen(): Promise<{ ours: string[]; dockers: string[] }> {
  const words = ['--rm', '--network', 'none', '--hostname', 'box', 'busybox', 'sh', '-c', LOOK];
  const ours = await host.ok('run', ...words);
  const dockers = await tools.docker('run', ...words);
  return { ours: plain(ours), dockers: plain(dockers) };
}

/** The rows of the table between the two marks in docs/security.md: who, what is seen there only, why. */
function explained(): Map<string, string> {
  const text = readFileSync('docs/security.md', 'utf8');
  const rows = /<!-- as-docker -->([\s\S]*?)<!-- \/as-docker -->/.exec(text)?.[1] ?? '';
  const found = new Map<string, string>();
  for (const [, side = '', line = '', why = ''] of rows.matchAll(
    /^\| (mydocker|docker) +\| `([^`]*)` +\| (.*?) *\|$/gm,
  ))
    found.set(`${side}: ${line}`, why);
  return found;
}

test('every difference to docker’s own container is listed with its reason, and every listed one is there', async (t) => {
  if (existsSync('/sys/fs/cgroup/cgroup.controllers'))
    return t.skip('this host has cgroup v2 only; the table in docs/security.md is about v1');
  const { ours, dockers } = await seen();
  assert.ok(ours.length > 100 && dockers.length > 100, `${ours.length} and ${dockers.length} lines`);
  const differences = [
    ...ours.filter((line) => !dockers.includes(line)).map((line) => `mydocker: ${line}`),
    ...dockers.filter((line) => !ours.includes(line)).map((line) => `docker: ${line}`),
  ];
  assert.deepEqual([...new Set(differences)].sort(), [...explained().keys()].sort());
  assert.ok([...explained().values()].every((why) => why.length > 10));
});

test('each attack in docs/security.md has the test that is named beside it', () => {
  const text = readFileSync('docs/security.md', 'utf8');
  const rows = /<!-- attacks -->([\s\S]*?)<!-- \/attacks -->/.exec(text)?.[1] ?? '';
  const named = [...rows.matchAll(/^\|[^|]*\| `([a-z-]+)` +\| (.*?) *\|$/gm)];
  assert.ok(named.length >= 25, `${named.length} rows`);
  for (const [, file = '', name = ''] of named) {
    const source = readFileSync(`build/test/e2e/${file}.test.js`, 'utf8');
    assert.ok(source.includes(`test('${name}`), `${file}.test.ts has no test "${name}"`);
  }
});
