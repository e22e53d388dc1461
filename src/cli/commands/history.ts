import type { ImageHistoryEntry } from '../../engine/types.ts';
import { humanSize, shortId } from '../format.ts';
import { since } from '../image-rows.ts';
import { print } from '../out.ts';
import { formatRows } from '../rows.ts';
import type { Command, Context } from '../spec.ts';
import { cut, table } from '../table.ts';

const CREATED_BY_WIDTH = 45;

/** `mydocker history`. */
export const history: Command = {
  name: 'history',
  summary: 'Show how an image was made, newest step first',
  usage: 'IMAGE',
  options: [
    { name: 'quiet', short: 'q', help: 'only the ids' },
    { name: 'no-trunc', help: 'whole ids and commands' },
    { name: 'human', short: 'H', help: 'readable sizes and times (default); false: bytes and dates' },
    {
      name: 'format',
      value: 'string',
      placeholder: 'FORMAT',
      help: 'json, or a template such as {{.CreatedBy}}: {{.Size}}',
    },
  ],
  examples: ['history busybox', "history --no-trunc --format '{{.CreatedBy}}' my-image:v1"],
  args: [1, 1],
  run: showHistory,
};

async function showHistory(context: Context): Promise<number> {
  const { flags } = context;
  const [ref = ''] = context.args;
  const engine = await context.engine();
  const whole = flags.bool('no-trunc');
  const human = flags.bool('human') || !flags.has('human');
  const rows = (await engine.images.history(ref)).map((entry) => fieldsOf(entry, whole, human));
  const format = flags.format();
  if (flags.bool('quiet')) {
    for (const { ID } of rows) print(ID);
  } else if (format !== undefined) {
    const text = formatRows(
      format,
      rows.map((fields) => ({ fields })),
    );
    if (text !== '') print(text);
  } else {
    const head = ['IMAGE', 'CREATED', 'CREATED BY', 'SIZE', 'COMMENT'];
    const created = human ? 'CreatedSince' : 'CreatedAt';
    print(table([head, ...rows.map((row) => [row.ID, row[created], row.CreatedBy, row.Size, row.Comment])]));
  }
  return 0;
}

function fieldsOf(entry: ImageHistoryEntry, whole: boolean, human: boolean) {
  const { createdAtMs, createdBy, sizeBytes } = entry;
  return {
    ID: whole || !entry.id.startsWith('sha256:') ? entry.id : shortId(entry.id),
    CreatedAt: createdAtMs === 0 ? 'N/A' : new Date(createdAtMs).toISOString(),
    CreatedSince: since(createdAtMs),
    CreatedBy: whole ? createdBy : cut(createdBy.replaceAll('\t', ' '), CREATED_BY_WIDTH),
    Size: human ? humanSize(sizeBytes) : String(sizeBytes),
    Comment: entry.comment,
  };
}
