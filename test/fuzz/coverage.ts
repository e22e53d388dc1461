/** Which code of the project an input reaches: V8's own counters, Chrome DevTools Protocol § Profiler. */
import { Session } from 'node:inspector';

interface Range {
  startOffset: number;
  endOffset: number;
  count: number;
}

interface Script {
  url: string;
  functions: ReadonlyArray<{ ranges: readonly Range[] }>;
}

/** Knows what was reached so far, character by character of the compiled source. */
export class Coverage {
  private readonly session = new Session();
  private readonly known = new Map<string, Uint8Array>();
  /** Characters of code reached. */
  reached = 0;

  constructor() {
    this.session.connect();
    this.session.post('Profiler.enable');
    this.session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** What ran since the last call; true when some of it never ran before. `learn`: and is known from now on. */
  take(learn: boolean): boolean {
    let isNew = false;
    for (const { url, functions } of this.scripts()) {
      if (!url.includes('/build/src/')) continue;
      // Outer functions and ranges come first; those inside say it more exactly.
      const size = Math.max(...functions.map(({ ranges }) => ranges[0]?.endOffset ?? 0));
      const ran = new Uint8Array(size);
      for (const { ranges } of functions) {
        for (const { startOffset, endOffset, count } of ranges)
          ran.fill(count > 0 ? 1 : 0, startOffset, endOffset);
      }
      let known = this.known.get(url) ?? new Uint8Array(size);
      if (known.length < size) {
        const larger = new Uint8Array(size);
        larger.set(known);
        known = larger;
      }
      this.known.set(url, known);
      for (let at = 0; at < size; at++) {
        if (ran[at] === 0 || known[at] !== 0) continue;
        isNew = true;
        if (!learn) break;
        known[at] = 1;
        this.reached++;
      }
    }
    return isNew;
  }

  private scripts(): readonly Script[] {
    let result: readonly Script[] = [];
    this.session.post('Profiler.takePreciseCoverage', (error, answer) => {
      if (error !== null) throw error;
      result = (answer as { result: readonly Script[] }).result;
    });
    return result;
  }
}
