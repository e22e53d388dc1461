import { badInput } from '../base/errors.ts';

/** Powers of 1024, as Docker reads sizes. */
const SIZE_UNITS: Readonly<Record<string, number>> = { b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };
const MEMORY_MIN_BYTES = 512 * 1024;
/** The period all CPU quotas refer to; cgroups(7). */
const CPU_PERIOD_US = 100_000;

/** "100m", "1.5g", "512k", "4096" -> bytes. */
export function parseSize(flag: string, text: string): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?) ?([bkmgt]?)(?:i?b)?$/i.exec(text) ?? [];
  const bytes = Math.floor(Number(digits) * (SIZE_UNITS[(unit || 'b').toLowerCase()] ?? Number.NaN));
  if (!Number.isSafeInteger(bytes)) {
    throw badInput(`${flag} "${text}" is no size`, {
      subject: flag,
      remedy: `give a number and a unit b, k, m or g, for example ${flag} 100m`,
    });
  }
  return bytes;
}

/** A memory limit in bytes, at least 512k. */
export function parseMemory(flag: string, text: string): number {
  const bytes = parseSize(flag, text);
  if (bytes < MEMORY_MIN_BYTES) {
    throw badInput(`${flag} "${text}" is too little: no program starts with less than 512k`, {
      subject: flag,
      remedy: `give at least 512k, for example ${flag} 100m`,
    });
  }
  return bytes;
}

/** The seed's `-cpu 50`: percent of one core -> microseconds per 100 ms. */
export function parseCpuPercent(flag: string, text: string, cores: number): number {
  const percent = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(percent >= 1 && percent <= 100 * cores)) {
    throw badInput(`${flag} "${text}" is no percentage of one core between 1 and ${100 * cores}`, {
      subject: flag,
      remedy: `give whole percents, for example ${flag} 50 for half a core`,
    });
  }
  return (percent * CPU_PERIOD_US) / 100;
}

/** Docker's `--cpus 0.5`: cores -> microseconds per 100 ms. */
export function parseCpus(flag: string, text: string, cores: number): number {
  const value = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= 0.01 && value <= cores)) {
    throw badInput(`${flag} "${text}" is no number of cores between 0.01 and ${cores}`, {
      subject: flag,
      remedy: `give for example ${flag} 0.5 for half a core`,
    });
  }
  return Math.round(value * CPU_PERIOD_US);
}

/** Checks the form only; whether the host has these cores shows when the limit is set. */
export function parseCpuset(flag: string, text: string, what = 'cores'): string {
  const ranges = text.split(',').map((part) => /^(\d+)(?:-(\d+))?$/.exec(part));
  if (ranges.some((range) => range === null || Number(range[2] ?? range[1]) < Number(range[1]))) {
    throw badInput(`${flag} "${text}" is no list of ${what}`, {
      subject: flag,
      remedy: `give numbers and ranges, for example ${flag} 0-1,3`,
    });
  }
  return text;
}

/** Number of processes; undefined for "no limit" (-1 or 0). */
export function parsePidsLimit(flag: string, text: string): number | undefined {
  const count = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(count >= -1 && count <= 4_194_304)) {
    throw badInput(`${flag} "${text}" is no number of processes`, {
      subject: flag,
      remedy: `give for example ${flag} 100, or -1 for no limit`,
    });
  }
  return count <= 0 ? undefined : count;
}

/** A whole number of seconds, 0 or more (and -1 where `endless` allows it, for "wait for ever"). */
export function parseSeconds(flag: string, text: string, endless = false): number {
  const seconds = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(seconds >= (endless ? -1 : 0) && seconds <= 2_147_483)) {
    throw badInput(`${flag} "${text}" is no number of seconds`, {
      subject: flag,
      remedy: `give whole seconds, for example ${flag} 10`,
    });
  }
  return seconds;
}

/** A count of entries; undefined for "all". */
export function parseCount(flag: string, text: string): number | undefined {
  if (text === 'all' || text === '-1') return undefined;
  if (!/^\d{1,15}$/.test(text)) {
    throw badInput(`${flag} "${text}" is no number of entries`, {
      subject: flag,
      remedy: `give a number or all, for example ${flag} 20`,
    });
  }
  return Number(text);
}

const DURATION_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** "10m", "1h30m", an RFC 3339 time, a date, or Unix seconds -> Unix milliseconds. */
export function parseSince(flag: string, text: string, nowMs: number): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Math.floor(Number(text) * 1000);
  if (/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) {
    let agoMs = 0;
    for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
      agoMs += Number(amount) * (DURATION_MS[unit ?? ''] ?? 0);
    }
    return nowMs - agoMs;
  }
  const timeMs = /^\d{4}-\d\d-\d\d/.test(text) ? readTime(text) : Number.NaN;
  if (Number.isNaN(timeMs)) {
    throw badInput(`${flag} "${text}" is no time`, {
      subject: flag,
      remedy: `give for example ${flag} 10m, 2026-01-31T08:00:00Z or 1769846400`,
    });
  }
  return timeMs;
}

/** A date alone is local midnight, as Docker has it; Date would take it as UTC. */
function readTime(text: string): number {
  return new Date(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00` : text).getTime();
}

/** A container's name, as Docker allows it. */
export function parseName(flag: string, text: string): string {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(text) || text.length > 128) {
    throw badInput(`${flag} "${text}" is no name for a container`, {
      subject: flag,
      remedy: `use two or more of letters, digits, "_", "." and "-", first a letter or digit, for example ${flag} bird`,
    });
  }
  return text;
}

/** An absolute path inside the container. */
export function parseWorkdir(flag: string, text: string): string {
  if (!text.startsWith('/')) {
    throw badInput(`${flag} "${text}" is no absolute path`, {
      subject: flag,
      remedy: `start it with "/", for example ${flag} /work`,
    });
  }
  return text;
}

/** A host name; sethostname(2) takes at most 64 bytes. */
export function parseHostname(flag: string, text: string): string {
  if (!/^[a-zA-Z0-9]([a-zA-Z0-9_.-]{0,62}[a-zA-Z0-9])?$/.test(text)) {
    throw badInput(`${flag} "${text}" is no host name`, {
      subject: flag,
      remedy: `use at most 64 letters, digits, "-" and ".", for example ${flag} web1`,
    });
  }
  return text;
}
