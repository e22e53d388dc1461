import { closeSync, openSync, writeSync } from 'node:fs';
import { badInput, errnoOf } from '../../base/index.ts';

export type Level = 'error' | 'warning';

/** The file of --log, in which callers of a runtime look for its last words: a line each, as runc's. */
export class Log {
  private readonly fd: number | undefined;
  private readonly json: boolean;

  constructor(file: string | undefined, format: string | undefined) {
    if (format !== undefined && format !== 'text' && format !== 'json')
      throw badInput(`--log-format "${format}" is not known`, {
        exitCode: 1,
        subject: format,
        remedy: 'give text or json',
      });
    this.json = format === 'json';
    if (file === undefined || file === '') return;
    try {
      this.fd = openSync(file, 'a', 0o644);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === undefined) throw error;
      throw badInput(`cannot write the log ${file}: ${errno}`, {
        exitCode: 1,
        subject: file,
        remedy: 'give another with --log',
      });
    }
  }

  write(level: Level, msg: string): void {
    if (this.fd === undefined) return;
    const time = new Date().toISOString();
    const line = this.json
      ? JSON.stringify({ level, msg, time })
      : `time="${time}" level=${level} msg=${JSON.stringify(msg)}`;
    writeSync(this.fd, `${line}\n`);
  }

  close(): void {
    if (this.fd !== undefined) closeSync(this.fd);
  }
}
