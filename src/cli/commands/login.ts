import { readFileSync } from 'node:fs';
import { badInput } from '../../base/errors.ts';
import { print } from '../out.ts';
import { ask } from '../prompt.ts';
import type { Command, Context } from '../spec.ts';

const DEFAULT_HOST = 'docker.io';

/** `mydocker login`. */
export const login: Command = {
  name: 'login',
  summary: 'Keep a name and a password for a registry',
  usage: '[HOST]',
  options: [
    {
      name: 'username',
      short: 'u',
      value: 'string',
      placeholder: 'NAME',
      help: 'the name (default: asked for)',
    },
    {
      name: 'password',
      short: 'p',
      value: 'string',
      placeholder: 'TEXT',
      help: 'the password; others on this host can see it: better asked for, or --password-stdin',
    },
    { name: 'password-stdin', help: 'the password is read from standard input' },
    { name: 'insecure', help: 'plain HTTP or an unknown certificate will do (default: for localhost only)' },
  ],
  examples: ['login localhost:5000', 'login -u me --password-stdin registry.example.com < password'],
  args: [0, 1],
  needsRoot: false,
  run: logIn,
};

async function secretOf(context: Context): Promise<string> {
  const { flags } = context;
  const given = flags.string('password');
  if (flags.bool('password-stdin')) {
    if (given !== undefined)
      throw badInput('--password and --password-stdin exclude each other', { remedy: 'give one' });
    return readFileSync(0, 'utf8').replace(/\r?\n$/, '');
  }
  return given ?? (await ask('Password: ', { hidden: true }));
}

async function logIn(context: Context): Promise<number> {
  const { flags } = context;
  const [host = DEFAULT_HOST] = context.args;
  const user = flags.string('username') ?? (flags.bool('password-stdin') ? '' : await ask('Username: '));
  if (user === '') throw badInput('login needs a name', { subject: '--username', remedy: 'give it with -u' });
  const password = await secretOf(context);
  if (password === '') throw badInput('login needs a password', { remedy: 'give it with --password-stdin' });
  const engine = await context.engine();
  await engine.images.login(
    host,
    { user, password },
    { insecure: flags.bool('insecure') ? true : undefined },
  );
  print('Login Succeeded');
  return 0;
}

/** `mydocker logout`. */
export const logout: Command = {
  name: 'logout',
  summary: 'Forget the password for a registry',
  usage: '[HOST]',
  options: [],
  examples: ['logout localhost:5000'],
  args: [0, 1],
  needsRoot: false,
  run: async (context) => {
    const [host = DEFAULT_HOST] = context.args;
    const engine = await context.engine();
    const was = await engine.images.logout(host);
    print(was ? `Removed the credentials for ${host}` : `Not logged in to ${host}`);
    return 0;
  },
};
