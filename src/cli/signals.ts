import { badInput } from '../base/errors.ts';
import { SIGNALS } from '../base/signals.ts';

/** The text of a signal as the engine takes it, once it is known to be one: "TERM", "SIGTERM", "15", "RTMIN+3". */
export function checkSignal(flag: string, text: string): string {
  const name = text.toUpperCase().replace(/^SIG/, '');
  const number = /^\d+$/.test(name) ? Number(name) : (SIGNALS[name] ?? realTime(name));
  if (number === undefined || number < 1 || number > 64) {
    throw badInput(`${flag} "${text}" is no signal`, {
      subject: text,
      remedy: 'give a name or a number, for example TERM, SIGINT or 9',
    });
  }
  return name.startsWith('RT') ? String(number) : text;
}

/** signal(7): glibc's and musl's RTMIN is 34, RTMAX 64. */
function realTime(name: string): number | undefined {
  const [, base, offset = '0'] = /^RT(MIN|MAX)([+-]\d+)?$/.exec(name) ?? [];
  if (base === undefined) return undefined;
  const number = (base === 'MIN' ? 34 : 64) + Number(offset);
  return number >= 34 && number <= 64 ? number : undefined;
}

/** Signals that a foreground `run` or `exec` passes on to its program. */
const FORWARDED = [
  ['SIGINT', 2],
  ['SIGTERM', 15],
  ['SIGHUP', 1],
  ['SIGQUIT', 3],
  ['SIGUSR1', 10],
  ['SIGUSR2', 12],
] as const;

/** Calls `listener` for each of them until the returned function is called. */
export function onSignals(listener: (signal: number) => void): () => void {
  const handlers = FORWARDED.map(([name, number]) => {
    const handler = (): void => listener(number);
    process.on(name, handler);
    return { name, handler };
  });
  return () => {
    for (const { name, handler } of handlers) process.off(name, handler);
  };
}
