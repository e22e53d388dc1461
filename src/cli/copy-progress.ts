import { humanSize } from './format.ts';
import { writeError } from './out.ts';

/** What is shown while a copy takes long, on a terminal only. */
export interface CopyProgress {
  show(bytes: number): void;
  /** The line is gone. */
  end(): void;
}

/** Quick copies show nothing. */
const FIRST_MS = 500;
const NEXT_MS = 100;
const CLEAR = '\r\x1b[K';

/** Shows the bytes so far on standard error, one line redrawn. */
export function copyProgress(quiet: boolean): CopyProgress {
  if (quiet || process.stderr.isTTY !== true) return { show: () => {}, end: () => {} };
  const startMs = Date.now();
  let dueMs = startMs + FIRST_MS;
  let isShown = false;
  return {
    show(bytes) {
      const now = Date.now();
      if (now < dueMs) return;
      dueMs = now + NEXT_MS;
      isShown = true;
      const perSecond = (bytes * 1000) / (now - startMs);
      writeError(`${CLEAR}copied ${humanSize(bytes)}, ${humanSize(perSecond)} a second`);
    },
    end() {
      if (isShown) writeError(CLEAR);
    },
  };
}
