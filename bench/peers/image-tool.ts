/** What the bench asks of a tool that fetches and keeps images. */
import type { Command } from '../command.ts';

export interface ImageTool {
  pull(name: string): Command;
  /** `run --rm --network none NAME /bin/busybox true`. */
  runTrue(name: string): Command;
  /** An image of one layer, made of an uncompressed tar. */
  importTar(path: string, name: string): Command;
  push(name: string): Command;
  /** As docker-archive. */
  save(name: string, path: string): Command;
  load(path: string): Command;
  /** Forgets it, with all its bytes. */
  remove(name: string): Command;
}

/** The words that mydocker, docker and podman have in common. `insecure`: how a tool is told that plain HTTP will do. */
export function imageTool(
  head: readonly string[],
  env: Readonly<Record<string, string>>,
  options: { runFlags?: readonly string[]; insecure?: readonly string[]; saveFlags?: readonly string[] } = {},
): ImageTool {
  const { runFlags = [], insecure = [], saveFlags = [] } = options;
  const command = (...args: readonly string[]): Command => ({ argv: [...head, ...args], env });
  return {
    pull: (name) => command('pull', '-q', ...insecure, name),
    runTrue: (name) => command('run', '--rm', '--network', 'none', ...runFlags, name, '/bin/busybox', 'true'),
    importTar: (path, name) => command('import', path, name),
    push: (name) => command('push', '-q', ...insecure, name),
    save: (name, path) => command('save', ...saveFlags, '-o', path, name),
    load: (path) => command('load', '-q', '-i', path),
    remove: (name) => command('rmi', '-f', name),
  };
}

/** One command after the other, as one. */
export function both(first: Command, second: Command): Command {
  const quoted = ({ argv }: Command): string =>
    argv.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  return { argv: ['sh', '-c', `${quoted(first)} && ${quoted(second)}`], env: first.env };
}
