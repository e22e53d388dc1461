import type { ImageSummary } from '../../engine/types.ts';
import { humanSize, shortId } from '../format.ts';
import { imageRow, since } from '../image-rows.ts';
import { print } from '../out.ts';
import { formatRows } from '../rows.ts';
import type { Command, Context } from '../spec.ts';
import { table } from '../table.ts';

/** `mydocker images`. */
export const images: Command = {
  name: 'images',
  summary: 'List the images',
  usage: '[NAME[:TAG]]',
  options: [
    { name: 'quiet', short: 'q', help: 'only the ids' },
    { name: 'no-trunc', help: 'whole ids' },
    { name: 'digests', help: 'show the digests: those of their registries, else of their manifests' },
    {
      name: 'filter',
      short: 'f',
      value: 'list',
      placeholder: 'K=V',
      help: 'dangling=, label=, before=, since=, until=, reference=',
    },
    {
      name: 'format',
      value: 'string',
      placeholder: 'FORMAT',
      help: 'json, or a template such as {{.Repository}}:{{.Tag}}',
    },
    { name: 'all', short: 'a', help: 'accepted for Docker: all are always listed', hidden: true },
  ],
  examples: [
    'images',
    "images 'team/*'",
    'images -q --filter dangling=true',
    "images --format '{{.Repository}}:{{.Tag}} {{.Size}}'",
  ],
  args: [0, 1],
  run: listImages,
};

async function listImages(context: Context): Promise<number> {
  const { flags } = context;
  const engine = await context.engine();
  const [reference] = context.args;
  const filters = flags.list('filter');
  const list = await engine.images.list({ filters, ...(reference === undefined ? {} : { reference }) });
  const whole = flags.bool('no-trunc');
  const idOf = (image: ImageSummary): string => (whole ? image.id : shortId(image.id));
  const format = flags.format();
  if (flags.bool('quiet')) {
    for (const id of new Set(list.map(idOf))) print(id);
  } else if (format !== undefined) {
    const text = formatRows(
      format,
      list.map((image) => imageRow(image, whole)),
    );
    if (text !== '') print(text);
  } else {
    const digests = flags.bool('digests');
    const head = ['REPOSITORY', 'TAG', ...(digests ? ['DIGEST'] : []), 'IMAGE ID', 'CREATED', 'SIZE'];
    const rows = list.map((image) => [
      image.repository,
      image.tag,
      ...(digests ? [image.digest] : []),
      idOf(image),
      image.broken === undefined ? since(image.createdAtMs) : 'damaged',
      humanSize(image.sizeBytes),
    ]);
    print(table([head, ...rows]));
  }
  return 0;
}
