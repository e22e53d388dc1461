import type { EngineEvent } from '../../engine/types.ts';
import { print } from '../out.ts';
import { formatRows } from '../rows.ts';
import type { Command, Context } from '../spec.ts';
import { parseSince } from '../values.ts';

/** `mydocker events`: what happens, as it happens. */
export const events: Command = {
  name: 'events',
  summary: 'Show what happens to containers, images and networks',
  usage: '',
  options: [
    {
      name: 'since',
      value: 'string',
      placeholder: 'TIME',
      help: 'what happened from then on too: 10m, 2026-01-31T08:00:00Z, Unix seconds',
    },
    {
      name: 'until',
      value: 'string',
      placeholder: 'TIME',
      help: 'end at that time (default: go on until Ctrl-C)',
    },
    {
      name: 'filter',
      short: 'f',
      value: 'list',
      placeholder: 'K=V',
      help: 'container=, event=, image=, label=, type=, network=, volume=',
    },
    {
      name: 'format',
      value: 'string',
      placeholder: 'FORMAT',
      help: 'json (Docker’s), or a template such as {{.Action}} {{.ID}}',
    },
  ],
  examples: [
    'events',
    'events --since 10m --until 0s --filter event=die',
    "events --filter container=bird --format '{{.Time}} {{.Action}}'",
  ],
  args: [0, 0],
  run: showEvents,
};

/** "2026-01-31T08:00:00.123456789Z" -> nanoseconds, as digits: more than a number holds. */
function nanoseconds(time: string): string {
  const [, seconds = '', fraction = ''] = /^(.*?)(?:\.(\d+))?Z$/.exec(time) ?? [];
  return `${Math.floor(Date.parse(`${seconds}Z`) / 1000)}${fraction.padEnd(9, '0').slice(0, 9)}`;
}

/** The message of Docker's API. */
function dockerJson(event: EngineEvent): string {
  const { type, action, id, attributes, time } = event;
  const nano = nanoseconds(time);
  const from = attributes.image;
  const old =
    type === 'container' || type === 'image'
      ? { status: action, id, ...(from === undefined ? {} : { from }) }
      : {};
  const rest = {
    Type: type,
    Action: action,
    Actor: { ID: id, Attributes: attributes },
    scope: 'local',
    time: Number(nano.slice(0, -9)),
  };
  return `${JSON.stringify({ ...old, ...rest }).slice(0, -1)},"timeNano":${nano}}`;
}

function plain({ time, type, action, id, attributes }: EngineEvent): string {
  const list = Object.keys(attributes)
    .sort()
    .map((key) => `${key}=${attributes[key]}`);
  return `${time} ${type} ${action} ${id}${list.length === 0 ? '' : ` (${list.join(', ')})`}`;
}

/** What a terminal would obey stands in no name, but may in a label. */
function safe(text: string): string {
  return text.replace(/[\p{Cc}]/gu, (c) => JSON.stringify(c).slice(1, -1).replace('\x7f', '\\u007f'));
}

function text(event: EngineEvent, format: string | undefined): string {
  if (format === undefined) return safe(plain(event));
  if (format === 'json') return dockerJson(event);
  const { time, type, action, id, attributes } = event;
  const from = attributes.image ?? '';
  const fields = {
    Time: time,
    Type: type,
    Action: action,
    Status: action,
    ID: id,
    From: from,
    Scope: 'local',
  };
  return safe(
    formatRows(format, [{ fields: { ...fields, Name: attributes.name ?? '' }, labels: attributes }]),
  );
}

async function showEvents(context: Context): Promise<number> {
  const { flags } = context;
  const now = Date.now();
  const format = flags.string('format');
  const time = (flag: string): number | undefined => {
    const given = flags.string(flag);
    return given === undefined ? undefined : parseSince(`--${flag}`, given, now);
  };
  const [sinceMs, untilMs] = [time('since'), time('until')];
  const engine = await context.engine();
  const list = engine.events({
    filters: flags.list('filter'),
    ...(sinceMs === undefined ? {} : { sinceMs }),
    ...(untilMs === undefined ? {} : { untilMs }),
  });
  for await (const event of list) print(text(event, format));
  return 0;
}
