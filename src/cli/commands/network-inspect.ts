import { dockerNetwork } from '../docker-network.ts';
import { print } from '../out.ts';
import { type Command, MANY } from '../spec.ts';
import { eachInTurn } from '../targets.ts';
import { parseTemplate } from '../template.ts';

/** `mydocker network inspect`. */
export const networkInspect: Command = {
  name: 'network inspect',
  summary: 'Everything about networks, and who is in them',
  usage: 'NETWORK [NETWORK…]',
  options: [
    {
      name: 'format',
      short: 'f',
      value: 'string',
      placeholder: 'FORMAT',
      help: 'json, or a template such as {{.Internal}}',
    },
    { name: 'verbose', short: 'v', help: 'accepted for Docker', hidden: true },
  ],
  examples: [
    'network inspect web',
    "network inspect -f '{{range .IPAM.Config}}{{.Subnet}} {{.Gateway}}{{end}}' web",
  ],
  args: [1, MANY],
  run: async (context) => {
    const networks = await (await context.engine()).networks();
    const format = context.flags.string('format');
    const template = format === undefined || format === 'json' ? undefined : parseTemplate(format);
    const found: Record<string, unknown>[] = [];
    const code = await eachInTurn(context, async (ref) => {
      found.push(dockerNetwork(await networks.inspect(ref)));
    });
    if (template !== undefined) for (const network of found) print(template.render(network));
    else print(format === 'json' ? JSON.stringify(found) : JSON.stringify(found, null, 4));
    return code;
  },
};
