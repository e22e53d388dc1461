/** `oci start`, `kill`, `delete`, `pause`, `resume`. */
import { badInput } from '../../base/index.ts';
import { SIGNALS } from '../../base/signals.ts';
import { checkSignal } from '../signals.ts';
import type { Command } from '../spec.ts';
import { runtimeOf } from './runtime.ts';

/** `mydocker oci start`. */
export const ociStart: Command = {
  name: 'oci start',
  summary: 'Let the program of a created container run',
  usage: 'ID',
  options: [],
  examples: ['oci start web'],
  args: [1, 1],
  run: async (context) => {
    const { start } = await import('../../oci/index.ts');
    await start(runtimeOf(context), context.args[0] ?? '');
    return 0;
  },
};

/** "TERM", "SIGTERM", "15" as a number. Throws BAD_INPUT. */
function signalNumber(text: string): number {
  const name = checkSignal('the signal', text).toUpperCase().replace(/^SIG/, '');
  const number = /^\d+$/.test(name) ? Number(name) : SIGNALS[name];
  if (number === undefined) throw badInput(`the signal "${text}" is not known`, { subject: text });
  return number;
}

/** `mydocker oci kill`. */
export const ociKill: Command = {
  name: 'oci kill',
  summary: 'Send a signal (default TERM) to a container’s process 1',
  usage: 'ID [SIGNAL]',
  options: [
    { name: 'all', short: 'a', help: 'to every process of the container; no error when it has stopped' },
  ],
  examples: ['oci kill web', 'oci kill web KILL', 'oci kill --all web 9'],
  args: [1, 2],
  run: async (context) => {
    const { kill } = await import('../../oci/index.ts');
    const [id = '', signal = 'TERM'] = context.args;
    await kill(runtimeOf(context), id, signalNumber(signal), context.flags.bool('all'));
    return 0;
  },
};

/** `mydocker oci delete`. */
export const ociDelete: Command = {
  name: 'oci delete',
  summary: 'Remove a container that has stopped or was never started',
  usage: 'ID',
  options: [{ name: 'force', short: 'f', help: 'kill it first if it runs; no error when there is none' }],
  examples: ['oci delete web', 'oci delete --force web'],
  args: [1, 1],
  run: async (context) => {
    const { remove } = await import('../../oci/index.ts');
    await remove(runtimeOf(context), context.args[0] ?? '', context.flags.bool('force'));
    return 0;
  },
};

/** `mydocker oci pause`. */
export const ociPause: Command = {
  name: 'oci pause',
  summary: 'Freeze all processes of a container',
  usage: 'ID',
  options: [],
  examples: ['oci pause web'],
  args: [1, 1],
  run: async (context) => {
    const { pause } = await import('../../oci/index.ts');
    await pause(runtimeOf(context), context.args[0] ?? '');
    return 0;
  },
};

/** `mydocker oci resume`. */
export const ociResume: Command = {
  name: 'oci resume',
  summary: 'Let the processes of a paused container go on',
  usage: 'ID',
  options: [],
  examples: ['oci resume web'],
  args: [1, 1],
  run: async (context) => {
    const { resume } = await import('../../oci/index.ts');
    await resume(runtimeOf(context), context.args[0] ?? '');
    return 0;
  },
};
