import { badInput } from '../../base/index.ts';
import type { Command, Context } from '../spec.ts';
import { MANY } from '../spec.ts';
import { preserveFds } from './make.ts';
import { runtimeOf } from './runtime.ts';

function gids(context: Context): number[] {
  return context.flags.list('additional-gids').map((text) => {
    if (/^\d+$/.test(text)) return Number(text);
    throw badInput(`--additional-gids "${text}" is no number`, {
      subject: text,
      remedy: 'give a group number',
    });
  });
}

/** `mydocker oci exec`. */
export const ociExec: Command = {
  name: 'oci exec',
  summary: 'Run one more process in a container',
  usage: 'ID [COMMAND [ARG…]]',
  options: [
    {
      name: 'process',
      short: 'p',
      value: 'string',
      placeholder: 'FILE',
      help: 'a process object as in config.json',
    },
    {
      name: 'cwd',
      value: 'string',
      placeholder: 'DIR',
      help: 'working directory (default: the container’s)',
    },
    { name: 'env', short: 'e', value: 'list', placeholder: 'K=V', help: 'one more variable' },
    { name: 'tty', short: 't', help: 'with a terminal' },
    { name: 'user', short: 'u', value: 'string', placeholder: 'UID[:GID]', help: 'whose process it is' },
    { name: 'additional-gids', short: 'g', value: 'list', placeholder: 'GID', help: 'one more group' },
    { name: 'cap', short: 'c', value: 'list', placeholder: 'CAP', help: 'one more capability' },
    { name: 'no-new-privs', help: 'setuid programs give nothing' },
    { name: 'detach', short: 'd', help: 'do not wait for its end' },
    {
      name: 'console-socket',
      value: 'string',
      placeholder: 'SOCKET',
      help: 'Unix socket that takes the terminal’s descriptor',
    },
    { name: 'pid-file', value: 'string', placeholder: 'FILE', help: 'where the process id is written' },
    {
      name: 'preserve-fds',
      value: 'string',
      placeholder: 'N',
      help: 'pass N more descriptors, from 3 on, to the program (default 0)',
    },
    { name: 'ignore-paused', help: 'allow it in a paused container; it runs when that goes on' },
    { name: 'apparmor', value: 'string', help: 'refused: labels come from config.json', hidden: true },
    { name: 'process-label', value: 'string', help: 'refused: labels come from config.json', hidden: true },
    { name: 'cgroup', value: 'string', help: 'without effect', hidden: true },
  ],
  examples: ['oci exec web ps', 'oci exec -d --process process.json --pid-file p web'],
  args: [1, MANY],
  passThrough: true,
  run: execute,
};

async function execute(context: Context): Promise<number> {
  const { resolve } = await import('node:path');
  const { exec } = await import('../../oci/index.ts');
  const { flags, args } = context;
  const path = (name: string): string | undefined => {
    const text = flags.string(name);
    return text === undefined || text === '' ? undefined : resolve(text);
  };
  const [id = '', ...command] = args;
  const { ownTerminal } = await import('./own-terminal.ts');
  return exec(
    { ...runtimeOf(context), ownTerminal },
    {
      id,
      processFile: path('process'),
      args: command,
      cwd: flags.string('cwd'),
      env: flags.list('env'),
      user: flags.string('user'),
      additionalGids: gids(context),
      tty: flags.bool('tty'),
      capabilities: flags.list('cap'),
      noNewPrivileges: flags.bool('no-new-privs'),
      detach: flags.bool('detach'),
      consoleSocket: path('console-socket'),
      pidFile: path('pid-file'),
      preserveFds: preserveFds(context),
      ignorePaused: flags.bool('ignore-paused'),
    },
  );
}
