import { linkSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { errnoOf, writeWhole } from '../base/index.ts';
import { shimBinary } from './assets.ts';
import { REPORT_BYTES } from './run.ts';

/*
 * While a program runs in the foreground, the command that started it has nothing to do but to pass signals on and to
 * end as the program does. So its process becomes the shim, native/front.c: 100 kB wait instead of 45 MB, and when
 * the program has ended, so has the command. What the start reports and the plan it is about lie in files then,
 * under names that show whose they are: nothing else goes through execve(2).
 */

/** The files of one start. Its own process removes them, or a sweep. */
export class FrontFiles {
  readonly report: string;
  readonly plan: string;
  /** This process has heard the end itself: nobody need become a front. */
  isOver = false;

  /** `name`: makes a staging name, in a directory that is swept. */
  constructor(directory: string, name: () => string) {
    this.report = `${directory}/${name()}`;
    this.plan = `${directory}/${name()}`;
  }

  /** The report, empty; its first page is written already, as with openReport(). */
  open(): number {
    const fd = openSync(this.report, 'wx+', 0o600);
    writeWhole(fd, Buffer.alloc(REPORT_BYTES));
    return fd;
  }

  /** A plan that lies nowhere else; the descriptor stands at its beginning. */
  writePlan(plan: Buffer): number {
    writeFileSync(this.plan, plan, { mode: 0o600, flag: 'wx' });
    return openSync(this.plan, 'r');
  }

  /** A plan that will lose the name it has. */
  keepPlan(path: string): void {
    linkSync(path, this.plan);
  }

  remove(): void {
    this.isOver = true;
    rmSync(this.report, { force: true });
    rmSync(this.plan, { force: true });
  }
}

/** What a process needs to become the front of a program it started. */
export class Front {
  /** `pid`: the monitor, a child of this process. `socket`: where it takes signals. */
  constructor(
    private readonly root: string,
    private readonly pid: number,
    private readonly socket: string,
    readonly files: FrontFiles,
  ) {}

  /** This process stays what it is after all: the program need not wait for a front. */
  goOn(): void {
    try {
      process.kill(this.pid, 'SIGCONT');
    } catch (error) {
      if (errnoOf(error) !== 'ESRCH') throw error;
    }
  }

  /** The execve(2) that does it; `back`: executed when there is more to say than an exit code. */
  call(back: readonly string[]): { file: string; argv: string[] } {
    const { pid, socket, files } = this;
    return {
      file: shimBinary(this.root),
      argv: ['mydocker', 'front', String(pid), socket, files.report, files.plan, ...back],
    };
  }
}
