/** How often something is tried in all. */
export const MAX_ATTEMPTS = 6;
/** The same for one that fell silent: each time costs the whole time-out. */
export const MAX_SILENCES = 2;
const MAX_DELAY_MS = 20_000;
const MAX_RETRY_AFTER_MS = 120_000;

/** Milliseconds before attempt `attempt` (1: the first repetition): doubling, with up to half as much at random. */
export function delayMs(attempt: number, baseMs: number, random: number): number {
  const plain = Math.min(MAX_DELAY_MS, baseMs * 2 ** (attempt - 1));
  return Math.round(plain * (1 + random / 2));
}

/** A Retry-After header in milliseconds from now: seconds, or a date. RFC 9110 § 10.2.3. */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined || header === '') return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - nowMs;
  return Number.isFinite(ms) ? Math.min(MAX_RETRY_AFTER_MS, Math.max(0, ms)) : undefined;
}
