import { badInput } from '../../base/errors.ts';
import { parseLabels } from '../env.ts';
import { print } from '../out.ts';
import type { Command } from '../spec.ts';

/** `mydocker volume create`. */
export const volumeCreate: Command = {
  name: 'volume create',
  summary: 'Make a volume',
  usage: '[NAME]',
  options: [
    { name: 'label', value: 'list', placeholder: 'K=V', help: 'a label, kept with the volume' },
    {
      name: 'driver',
      short: 'd',
      value: 'string',
      placeholder: 'NAME',
      help: 'local, which is all there is',
    },
    { name: 'name', value: 'string', placeholder: 'NAME', help: 'as the argument', hidden: true },
  ],
  examples: ['volume create data', 'volume create --label project=web data'],
  args: [0, 1],
  run: async ({ flags, args, engine }) => {
    const driver = flags.string('driver') ?? 'local';
    if (driver !== 'local')
      throw badInput(`--driver "${driver}": there is no such volume driver`, {
        subject: driver,
        remedy: 'leave it out: volumes are directories of this host',
      });
    const name = args[0] ?? flags.string('name');
    const volumes = await (await engine()).volumes();
    const labels = parseLabels('--label', flags.list('label'));
    const made = await volumes.create({ ...(name === undefined ? {} : { name }), labels });
    print(made.name);
    return 0;
  },
};
