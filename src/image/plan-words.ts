/** For tests: plans in words, and layers below that are on no disk. */
import type { Action } from '../plan/index.ts';
import { LayerPlanner } from './layer-plan.ts';
import type { Lower, LowerDirs, LowerFile } from './lower.ts';
import { type EntryType, type TarEntry, tarEntry } from './tar-entry.ts';

/** What an action does, without the owner, mode and time every entry gets. */
function words(action: Action): string[] {
  if (action.op === 'chown' || action.op === 'chmod' || action.op === 'utimes') return [];
  const { op, ...args } = action;
  return [
    [op, ...Object.values(args).map((value) => (value instanceof Uint8Array ? `${value}` : value))].join(' '),
  ];
}

/** All steps for those entries on those layers; `withEnd`: those after the last one too. */
export function planWith(lower: Lower, entries: readonly TarEntry[], withEnd = false): string[] {
  const planner = new LayerPlanner(lower);
  const list = entries.flatMap((entry) => {
    const { before, filePath, after } = planner.plan(entry);
    const file = filePath === undefined ? [] : [`file ${filePath}`];
    return [...before.flatMap(words), ...file, ...after.flatMap(words)];
  });
  return withEnd ? [...list, ...Array.from(planner.end()).flatMap(words)] : list;
}

/** A layer below, "base": directories end in a slash, links say where they lead. */
export function below(...names: string[]): Lower {
  const kinds = new Map(names.map((text) => [text.replace(/\/$| -> .*/g, ''), text]));
  const look = (dirs: LowerDirs, base: string): LowerFile | undefined => {
    const at = `${dirs[0]}/${base}`;
    const text = kinds.get(at.slice('base/'.length));
    if (text === undefined) return undefined;
    if (text.endsWith('/')) return { kind: 'directory', dirs: [at], mtimeS: 9, mtimeNs: 8 };
    const [, target] = text.split(' -> ');
    return target === undefined ? { kind: 'other', at } : { kind: 'symlink', target, at };
  };
  const root: LowerFile = { kind: 'directory', dirs: ['base'], mtimeS: 1, mtimeNs: 2 };
  return { root: () => root, look, names: () => new Set(names.map((name) => name.replace(/[/ ].*/, ''))) };
}

/** An entry with nothing special about it. */
export function e(name: string, type: EntryType = 'file', linkName = ''): TarEntry {
  return tarEntry(name, type, type === 'directory' ? 0o755 : 0o644, { linkName });
}

/** What makes a directory opaque. */
export const OPAQUE = 'trusted.overlay.opaque y';
