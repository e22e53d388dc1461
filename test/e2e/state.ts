/** What of an engine's root is on the machine: compared before and after something that must leave no trace. */
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { processes, settle } from './harness.ts';

/** Grows with all that happens, what leaves no other trace too. */
const EVENTS = 'events.jsonl';

/** Every path below a directory with its type, mode and size; what lies in the image's layers is left out. */
function tree(directory: string, prefix = ''): string[] {
  return readdirSync(directory)
    .filter((name) => prefix !== '' || name !== EVENTS)
    .sort()
    .flatMap((name) => {
      const path = `${directory}/${name}`;
      const shown = `${prefix}${name}`;
      const { mode, size } = lstatSync(path);
      const isDirectory = (mode & 0o170000) === 0o040000;
      const line = `${shown} ${mode.toString(8)}${isDirectory ? '' : ` ${size}`}`;
      const deep = isDirectory && prefix !== 'layers/';
      return [line, ...(deep ? tree(path, `${shown}/`) : [])];
    });
}

/** Host pids of shims of this root: monitors, and whatever they started that has not executed its program yet. */
export function shims(root: string): number[] {
  return processes(`${root}/bin/shim-`);
}

/** Files, mounts and processes of a root. */
export function stateOf(root: string): string[] {
  settle(root);
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(root))
    .map((line) => `mount ${line}`);
  return [...tree(root), ...mounts, ...shims(root).map((pid) => `process ${pid}`)];
}

/** The program in a pseudo-terminal, for `command()`: script(1) returns its exit code. */
export function inTerminal(words: readonly string[]): [file: string, args: string[]] {
  const quoted = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  return ['script', ['-qec', quoted, '/dev/null']];
}

/** state.json of a running container: the numbers of its process 1 and of its monitor. */
export function runState(root: string, id: string): { pid: number; monitorPid: number; status: string } {
  return JSON.parse(readFileSync(`${root}/run/${id}/state.json`, 'utf8'));
}
