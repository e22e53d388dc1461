import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { detectCgroups } from '../src/runtime/index.ts';

function cgroupLayout(): string {
  const { version, hybrid } = detectCgroups();
  return hybrid ? 'v1, with v2 beside it (hybrid)' : `v${version}`;
}

function system(): string {
  const name = /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'Linux';
  try {
    return `${name}, debian_version ${readFileSync('/etc/debian_version', 'utf8').trim()}`;
  } catch {
    return name; // Not a Debian.
  }
}

/** What the numbers depend on, a line each: label and text. */
export function machineFacts(): ReadonlyArray<readonly [label: string, text: string]> {
  return [
    ['CPU', `${cpus()[0]?.model.trim() ?? 'unknown'}, ${cpus().length} cores`],
    ['memory', `${Math.round(totalmem() / 2 ** 30)} GiB`],
    ['kernel', release()],
    ['cgroups', cgroupLayout()],
    ['system', system()],
    [
      'load before',
      loadavg()
        .map((load) => load.toFixed(2))
        .join(' '),
    ],
  ];
}
