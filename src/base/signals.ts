/** Linux signal numbers on x86 and arm, by their names without "SIG"; signal(7). The usual name stands before its others. */
export const SIGNALS: Readonly<Record<string, number>> = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  ILL: 4,
  TRAP: 5,
  ABRT: 6,
  BUS: 7,
  FPE: 8,
  KILL: 9,
  USR1: 10,
  SEGV: 11,
  USR2: 12,
  PIPE: 13,
  ALRM: 14,
  TERM: 15,
  STKFLT: 16,
  CHLD: 17,
  CONT: 18,
  STOP: 19,
  TSTP: 20,
  TTIN: 21,
  TTOU: 22,
  URG: 23,
  XCPU: 24,
  XFSZ: 25,
  VTALRM: 26,
  PROF: 27,
  WINCH: 28,
  IO: 29,
  PWR: 30,
  SYS: 31,
  IOT: 6,
  POLL: 29,
};

/** Number of a signal given as "SIGTERM", "TERM", "term", "15" or "RTMIN+3"; undefined when it is none. */
export function signalOf(text: string): number | undefined {
  const name = text.toUpperCase().replace(/^SIG/, '');
  const realtime = /^RTMIN(?:\+(\d+))?$/.exec(name);
  const known = Object.hasOwn(SIGNALS, name) ? SIGNALS[name] : undefined;
  const number = /^\d+$/.test(name) ? Number(name) : realtime ? 34 + Number(realtime[1] ?? 0) : known;
  return number === undefined || number < 1 || number > 64 ? undefined : number;
}
