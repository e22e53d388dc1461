import { closeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { builtin } from '../base/index.ts';
import { shimBinary } from './assets.ts';
import { decodeReport } from './report.ts';
import { openReport, openUnnamed, readWhole, type ShimRun } from './run.ts';

let kept: Spare | undefined;

export class Spare {
  ready = false;
  stdout: number;
  stderr: number;
  report: number;
  private socket: Socket;
  private child: import('node:child_process').ChildProcess;
  private exit: Promise<number>;
  constructor(root: string) {
    this.stdout = openUnnamed(`${root}/bin`);
    this.stderr = openUnnamed(`${root}/bin`);
    this.report = openReport(`${root}/bin`);
    const child = builtin('node:child_process').spawn(shimBinary(root), ['waiting', '------------'], {
      stdio: ['ignore', this.stdout, this.stderr, 'pipe', this.report],
      env: {},
      cwd: '/',
    });
    this.child = child;
    this.exit = new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 255)));
    this.socket = child.stdio[3] as Socket;
    this.socket.once('data', () => {
      this.ready = true;
    });
    this.socket.on('error', () => {});
    child.unref();
    this.socket.unref();
  }
  static make(root: string): void {
    kept ??= new Spare(root);
  }
  static take(_root: string): Spare | undefined {
    if (kept?.ready !== true) return undefined;
    const spare = kept;
    kept = undefined;
    return spare;
  }
  use(plan: Buffer, title: string): ShimRun {
    this.child.ref();
    this.socket.cork();
    this.socket.write(title);
    this.socket.write(plan);
    this.socket.uncork();
    const ended = new Promise<void>((resolve) => this.socket.once('end', () => resolve()));
    const done = Promise.race([ended, this.exit]).then(async () => {
      const report = decodeReport(readWhole(this.report));
      if (report.ending !== undefined || report.failure !== undefined) return report;
      await this.exit;
      return decodeReport(readWhole(this.report));
    }).finally(() => {
      closeSync(this.report);
      this.socket.destroy();
    });
    return { pid: this.child.pid ?? 0, done };
  }
}
