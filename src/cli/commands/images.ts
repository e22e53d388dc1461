import type { ImageSummary } from '../../engine/types.ts';
import { ago, humanSize, localTime, shortId } from '../format.ts';
import { print } from '../out.ts';
import { formatRows, type Row } from '../rows.ts';
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
    { name: 'digests', help: 'show the digests of the manifests' },
    {
      name: 'format',
      value: 'string',
      placeholder: 'FORMAT',
      help: 'json, or a template such as {{.Repository}}:{{.Tag}}',
    },
    { name: 'all', short: 'a', help: 'accepted for Docker', hidden: true },
  ],
  examples: ['images', "images --format '{{.Repository}}:{{.Tag}} {{.Size}}'"],
  args: [0, 1],
  run: listImages,
};

async function listImages(context: Context): Promise<number> {
  const { flags } = context;
  const engine = await context.engine();
  const [wanted] = context.args;
  const list = (await engine.images.list()).filter((image) => wanted === undefined || matches(image, wanted));
  const idOf = (image: ImageSummary): string => (flags.bool('no-trunc') ? image.id : shortId(image.id));
  const format = flags.string('format');
  if (flags.bool('quiet')) {
    for (const id of new Set(list.map(idOf))) print(id);
  } else if (format !== undefined) {
    const text = formatRows(
      format,
      list.map((image) => rowOf(image, idOf(image))),
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
      ago(image.createdAtMs, Date.now()),
      humanSize(image.sizeBytes),
    ]);
    print(table([head, ...rows]));
  }
  return 0;
}

function matches(image: ImageSummary, wanted: string): boolean {
  return image.repository === wanted || `${image.repository}:${image.tag}` === wanted;
}

function rowOf(image: ImageSummary, id: string): Row {
  return {
    fields: {
      Repository: image.repository,
      Tag: image.tag,
      ID: id,
      Digest: image.digest,
      CreatedAt: localTime(image.createdAtMs),
      CreatedSince: ago(image.createdAtMs, Date.now()),
      Size: humanSize(image.sizeBytes),
    },
  };
}
