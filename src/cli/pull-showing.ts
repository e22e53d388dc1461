import type { Engine } from '../engine/index.ts';
import { warn } from './out.ts';
import { progressView } from './progress.ts';
import { AlreadySaid } from './report.ts';

/** Exit code of a command that SIGINT ended. */
const INTERRUPTED = 130;

/** Pulls, with progress on standard error. SIGINT and SIGTERM end it; what was fetched is kept. */
export async function pullShowing(
  engine: Engine,
  name: string,
  options: { quiet: boolean; platform?: string | undefined; insecure?: boolean | undefined },
): Promise<Awaited<ReturnType<Engine['images']['pull']>>> {
  const { quiet, ...spec } = options;
  const view = await progressView({ quiet, done: 'Pull complete' });
  const stop = new AbortController();
  const interrupt = (): void => stop.abort(new Error('interrupted'));
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    const pulled = await engine.images.pull(name, {
      ...spec,
      onProgress: (progress) => view.show(progress),
      signal: stop.signal,
    });
    view.end();
    return pulled;
  } catch (error) {
    view.end();
    if (!stop.signal.aborted) throw error;
    warn('interrupted; what was fetched is kept, and the next pull goes on there');
    throw new AlreadySaid(INTERRUPTED);
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}
