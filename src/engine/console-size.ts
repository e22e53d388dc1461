import type { OciProcess } from '../runtime/index.ts';
import type { How } from './types.ts';

/**
 * The size a program's terminal starts with: that of the caller's own. A resize that is sent to the monitor comes
 * only when the program may run already, or when there is no terminal yet that could take it.
 */
export function startingSize(tty: boolean, how: How): Pick<OciProcess, 'consoleSize'> {
  if (!tty || how !== 'session') return {};
  const { rows, columns } = process.stdout;
  // Both are undefined where standard output is no terminal, whatever their types say.
  return rows > 0 && columns > 0 ? { consoleSize: { height: rows, width: columns } } : {};
}
