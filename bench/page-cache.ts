import { spawnSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { which } from './peers/peer.ts';
import type { Place } from './place.ts';

const PROGRAMS = [
  'runc',
  'crun',
  'docker',
  'dockerd',
  'docker-proxy',
  'containerd',
  'containerd-shim-runc-v2',
  'podman',
  'conmon',
  'netavark',
  'node',
];

function dd(...words: string[]): void {
  const { status, stderr } = spawnSync('dd', [...words, 'status=none'], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`dd ${words.join(' ')}: ${stderr.trim()}`);
}

/**
 * Every program lies in the page cache alike: dropped, and read from its beginning to its end, in large folios. One that
 * came in by page faults, as after a reboot, lies there in small ones and starts up to a tenth slower.
 */
export function readPrograms(place: Place, ...ours: readonly string[]): void {
  const found = PROGRAMS.map((program) => which(place, program)).filter((path) => path !== undefined);
  for (const path of new Set([...ours, ...found].map((one) => realpathSync(one)))) {
    dd(`if=${path}`, 'iflag=nocache', 'count=0');
    dd(`if=${path}`, 'of=/dev/null', 'bs=4M');
  }
}
