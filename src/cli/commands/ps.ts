import type { ContainerSummary } from '../../engine/types.ts';
import { ago, localTime, shortId } from '../format.ts';
import { print } from '../out.ts';
import { parseFilters } from '../ps-filters.ts';
import { formatRows, type Row } from '../rows.ts';
import type { Command, Context } from '../spec.ts';
import { cut, table } from '../table.ts';
import { parseCount } from '../values.ts';

const COMMAND_WIDTH = 30;

/** `mydocker ps`: every container, stopped ones too. */
export const ps: Command = {
  name: 'ps',
  summary: 'List all containers, running or not',
  usage: '',
  options: [
    { name: 'quiet', short: 'q', help: 'only the ids' },
    { name: 'no-trunc', help: 'whole ids and commands' },
    {
      name: 'filter',
      short: 'f',
      value: 'list',
      placeholder: 'K=V',
      help: 'status=, name=, label=, id=, ancestor=, exited=, network=, volume=',
    },
    {
      name: 'format',
      value: 'string',
      placeholder: 'FORMAT',
      help: 'json, or a template such as {{.ID}} or table {{.ID}}\\t{{.Status}}',
    },
    { name: 'last', short: 'n', value: 'string', placeholder: 'N', help: 'only the N newest' },
    { name: 'latest', short: 'l', help: 'only the newest' },
    { name: 'all', short: 'a', help: 'accepted for Docker: all are always listed', hidden: true },
  ],
  examples: ['ps', 'ps -q --filter status=running', "ps --format '{{.Names}}: {{.Status}}'"],
  args: [0, 0],
  run: listContainers,
};

async function listContainers(context: Context): Promise<number> {
  const { flags } = context;
  const keep = parseFilters(flags.list('filter'));
  const last = flags.bool('latest') ? '1' : flags.string('last');
  const most = last === undefined ? undefined : parseCount('--last', last);
  const engine = await context.engine();
  const list = (await engine.containers.list()).filter(keep).slice(0, most);
  const whole = flags.bool('no-trunc');
  const format = flags.format();
  if (flags.bool('quiet')) {
    for (const { id } of list) print(whole ? id : shortId(id));
  } else if (format !== undefined) {
    const text = formatRows(
      format,
      list.map((container) => rowOf(container, whole)),
    );
    if (text !== '') print(text);
  } else {
    const head = ['ID', 'NAME', 'PID', 'IP', 'STATUS', 'COMMAND', 'CREATED', 'IMAGE', 'PORTS'];
    print(table([head, ...list.map((container) => columns(container, whole))]));
  }
  return 0;
}

function commandText(container: ContainerSummary, whole: boolean): string {
  const text = container.command.join(' ');
  return whole ? text : cut(text, COMMAND_WIDTH);
}

function columns(container: ContainerSummary, whole: boolean): string[] {
  return [
    whole ? container.id : shortId(container.id),
    container.name,
    container.pid === undefined ? '' : String(container.pid),
    container.ip,
    container.status,
    commandText(container, whole),
    localTime(container.createdAtMs),
    container.image,
    container.ports,
  ];
}

/** Docker's field names, and Pid, IP and ExitCode. */
function rowOf(container: ContainerSummary, whole: boolean): Row {
  const { labels } = container;
  const fields = {
    ID: whole ? container.id : shortId(container.id),
    Names: container.name,
    Image: container.image,
    Command: commandText(container, whole),
    CreatedAt: localTime(container.createdAtMs),
    RunningFor: ago(container.createdAtMs, Date.now()),
    Status: container.status,
    State: container.status,
    Ports: container.ports,
    Labels: Object.entries(labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
    Networks: container.networks.join(','),
    Mounts: container.mounts.map(({ source }) => source).join(','),
    Pid: container.pid ?? '',
    IP: container.ip,
    ExitCode: container.exitCode ?? '',
  };
  return { fields, labels };
}
