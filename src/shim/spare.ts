import type { ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { builtin } from '../base/index.ts';
import { shimBinary } from './assets.ts';
import { decodeReport, type Report } from './report.ts';
import { openReport, readWhole, type ShimRun } from './run.ts';

class NoProcess extends Error {}

/** As long as a title: it is overwritten by one. */
const NO_TITLE = '------------';
const KILLED = 137;

/**
 * A shim that waits for its plan: started while nobody waits for it, which takes 1.5 to 4 ms of a large process. It ends with
 * this process, whatever becomes of that. See native/spare.h.
 */
export class SpareShim {
  private readonly child: ChildProcess;
  private readonly socket: Socket;
  private readonly report: number;
  private readonly exit: Promise<number>;
  private readonly letGo: Promise<void>;
  private isWaiting = false;

  /** The descriptors become the program's. Throws what a start of a process throws; nothing is left then. */
  constructor(root: string, stdin: number, stdout: number, stderr: number) {
    const binary = shimBinary(root);
    this.report = openReport(`${root}/bin`);
    try {
      const stdio = [stdin, stdout, stderr, 'pipe', this.report] as const;
      const { spawn } = builtin('node:child_process');
      this.child = spawn(binary, ['waiting', NO_TITLE], { stdio: [...stdio], env: {}, cwd: '/' });
      this.exit = new Promise((resolve) => {
        const ended = (code: number | null): void => {
          this.isWaiting = false;
          resolve(code ?? KILLED);
        };
        this.child.once('exit', ended);
        this.child.once('error', () => ended(null));
      });
      // Too few descriptors, or no room for a process: there are no streams then, and the reason comes as an event.
      const socket = (this.child.stdio as ChildProcess['stdio'] | undefined)?.[3];
      if (this.child.pid === undefined || !(socket instanceof builtin('node:net').Socket))
        throw new NoProcess();
      this.socket = socket;
    } catch (error) {
      closeSync(this.report);
      throw error;
    }
    this.letGo = new Promise((resolve) => this.socket.once('end', resolve));
    this.socket.once('data', () => {
      this.isWaiting = true;
    });
    // That it has gone is seen by its end.
    this.socket.on('error', () => {});
    this.child.unref();
    this.socket.unref();
  }

  /** It has said that it waits, and has not ended since. */
  get isReady(): boolean {
    return this.isWaiting;
  }

  /** Hands the plan over. Once. `title`: twelve characters. */
  start(plan: Buffer, title: string): ShimRun {
    this.child.ref();
    this.socket.ref();
    this.socket.cork();
    this.socket.write(title);
    this.socket.write(plan);
    this.socket.uncork();
    return { pid: this.child.pid ?? 0, done: this.follow() };
  }

  /** All is told when it lets go of the socket; until it has removed what nobody waits for, it lives on. */
  private async follow(): Promise<Report> {
    await Promise.race([this.letGo, this.exit]);
    let report = decodeReport(readWhole(this.report));
    if (report.ending === undefined && report.failure === undefined) {
      await this.exit;
      report = decodeReport(readWhole(this.report));
    }
    // After whoever waits for it has gone on.
    setImmediate(() => this.close());
    return report;
  }

  /** It is not needed (any more): one that waits ends. */
  close(): void {
    this.socket.destroy();
    this.child.unref();
    closeSync(this.report);
  }

  /** The same; resolves when it has. */
  async end(): Promise<void> {
    this.close();
    this.child.ref();
    await this.exit;
  }
}
