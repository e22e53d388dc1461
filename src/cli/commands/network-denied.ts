import type { DeniedAccess } from '../../engine/types.ts';
import { print } from '../out.ts';
import { formatRows, type Row } from '../rows.ts';
import type { Command, Context } from '../spec.ts';

/** `mydocker network denied`. */
export const networkDenied: Command = {
  name: 'network denied',
  summary: 'Show what a container with an egress list asked for and did not get',
  usage: 'CONTAINER',
  options: [
    {
      name: 'format',
      value: 'string',
      placeholder: 'FORMAT',
      help: 'json, or a template such as {{.To}} {{.Port}} {{.Count}}',
    },
  ],
  examples: [
    'network denied bird',
    'network denied --format json bird',
    "network denied --format '{{.To}}' bird",
  ],
  args: [1, 1],
  run: showDenied,
};

const FORMAT = 'table {{.To}}\t{{.Protocol}}\t{{.Port}}\t{{.Count}}\t{{.Last}}';

function rowOf(denied: DeniedAccess): Row {
  const { kind, to, protocol, port, count, lastMs } = denied;
  const fields = {
    Kind: kind,
    To: to,
    Protocol: protocol,
    Port: port === 0 ? '' : String(port),
    Count: count,
  };
  return { fields: { ...fields, Last: new Date(lastMs).toISOString() } };
}

async function showDenied({ flags, args, engine }: Context): Promise<number> {
  const format = flags.format() ?? FORMAT;
  formatRows(format, []);
  const { containers } = await engine();
  const text = formatRows(format, (await containers.denied(args[0] ?? '')).map(rowOf));
  if (text !== '') print(text);
  return 0;
}
