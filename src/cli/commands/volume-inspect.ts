import { print } from '../out.ts';
import { type Command, MANY } from '../spec.ts';
import { eachInTurn } from '../targets.ts';
import { parseTemplate } from '../template.ts';
import { dockerVolume } from '../volume-rows.ts';

/** `mydocker volume inspect`. */
export const volumeInspect: Command = {
  name: 'volume inspect',
  summary: 'Everything about volumes',
  usage: 'VOLUME [VOLUME…]',
  options: [
    {
      name: 'format',
      short: 'f',
      value: 'string',
      placeholder: 'FORMAT',
      help: 'json, or a template such as {{.Mountpoint}}',
    },
  ],
  examples: ['volume inspect data', "volume inspect -f '{{.Mountpoint}}' data"],
  args: [1, MANY],
  run: async (context) => {
    const volumes = await (await context.engine()).volumes();
    const format = context.flags.string('format');
    const template = format === undefined || format === 'json' ? undefined : parseTemplate(format);
    const found: Record<string, unknown>[] = [];
    const code = await eachInTurn(context, async (name) => {
      found.push(dockerVolume(await volumes.inspect(name)));
    });
    if (template !== undefined) for (const volume of found) print(template.render(volume));
    else print(format === 'json' ? JSON.stringify(found) : JSON.stringify(found, null, 4));
    return code;
  },
};
