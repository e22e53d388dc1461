/** Programs that are driven while they run: in the foreground with pipes, or in a terminal of their own. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { EXECUTABLE, type Host, NO_NETWORK, until } from './harness.ts';

/** A `mydocker` in the foreground, its three streams piped. */
export class Live {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  /** Its exit code, or 128 + n when a signal ended it. */
  readonly code: Promise<number>;

  constructor(host: Host, ...args: string[]) {
    this.child = spawn(EXECUTABLE, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, ...NO_NETWORK, MYDOCKER_ROOT: host.root },
    });
    this.child.stdout?.on('data', (chunk: Buffer) => {
      this.stdout += chunk.toString('utf8');
    });
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString('utf8');
    });
    this.code = new Promise((resolve) => {
      this.child.once('close', (code, signal) =>
        resolve(code ?? 128 + (signal === 'SIGKILL' ? 9 : signal === 'SIGTERM' ? 15 : 0)),
      );
    });
  }

  /** Waits until the text appears on standard output. */
  async says(text: string): Promise<void> {
    await until(`"${text}" on stdout, so far: ${this.stdout}${this.stderr}`, () =>
      this.stdout.includes(text),
    );
  }
}

/**
 * A shell script in a pseudo-terminal (util-linux' script, on every Debian). In it, `mydocker` is the program under
 * test. `stty -a` is noted before and after, so that a test can tell whether the terminal was restored.
 */
export class Terminal {
  readonly child: ChildProcess;
  readonly code: Promise<number>;
  screen = '';
  private readonly directory = mkdtempSync('/var/tmp/mydocker-pty-');

  constructor(host: Host, script: string, size = { rows: 31, cols: 97 }) {
    const { directory } = this;
    const text = [
      `tty > ${directory}/tty`,
      `stty rows ${size.rows} cols ${size.cols}`,
      `stty -a > ${directory}/before`,
      `mydocker() { "${EXECUTABLE}" "$@"; }`,
      script,
      'code=$?',
      `stty -a > ${directory}/after`,
      'exit $code',
    ];
    writeFileSync(`${directory}/script`, `${text.join('\n')}\n`);
    this.child = spawn('script', ['-qefc', `sh ${directory}/script`, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: {
        PATH: process.env.PATH,
        ...NO_NETWORK,
        SHELL: '/bin/sh',
        TERM: 'xterm',
        MYDOCKER_ROOT: host.root,
      },
    });
    this.child.stdout?.on('data', (chunk: Buffer) => {
      this.screen += chunk.toString('utf8');
    });
    this.code = new Promise((resolve) => {
      this.child.once('close', (code) => resolve(code ?? -1));
    });
  }

  send(text: string): void {
    this.child.stdin?.write(text);
  }

  /** Waits until the text appears on the screen. */
  async shows(text: string): Promise<void> {
    try {
      await until(text, () => this.screen.includes(text));
    } catch {
      assert.fail(`"${text}" does not appear on the screen: ${JSON.stringify(this.screen)}`);
    }
  }

  /** The device of this terminal: "/dev/pts/3". */
  async device(): Promise<string> {
    await until('the terminal is there', () => existsSync(`${this.directory}/before`));
    return readFileSync(`${this.directory}/tty`, 'utf8').trim();
  }

  /** The end of the script: its code; fails if the terminal's modes are not as before. */
  async ends(): Promise<number> {
    const code = await this.code;
    const [before, after] = ['before', 'after'].map((name) =>
      readFileSync(`${this.directory}/${name}`, 'utf8').replace(/^speed.*\n/, ''),
    );
    assert.equal(after, before, 'the terminal is as before');
    rmSync(this.directory, { recursive: true });
    return code;
  }
}
