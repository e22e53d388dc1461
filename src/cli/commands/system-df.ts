import type { DiskUsage, ImageSummary } from '../../engine/types.ts';
import { humanSize, shortId } from '../format.ts';
import { imageRow, since } from '../image-rows.ts';
import { print } from '../out.ts';
import { formatRows } from '../rows.ts';
import type { Command, Context } from '../spec.ts';
import { cut, table } from '../table.ts';

const COMMAND_WIDTH = 20;

/** `mydocker system df`. */
export const systemDf: Command = {
  name: 'system df',
  summary: 'Show who takes how much of the disk: every byte below the root directory',
  usage: '',
  options: [
    { name: 'verbose', short: 'v', help: 'each image, container and volume' },
    {
      name: 'format',
      value: 'string',
      placeholder: 'FORMAT',
      help: 'json, or a template such as {{.Type}}: {{.Bytes}}',
    },
  ],
  examples: ['system df', 'system df -v', "system df --format '{{.Type}}: {{.Size}}'"],
  args: [0, 0],
  run: showUsage,
};

interface Owner {
  Type: string;
  TotalCount: string;
  Active: string;
  Size: string;
  Reclaimable: string;
  /** The size, exactly. */
  Bytes: number;
}

function owner(
  type: string,
  counts: readonly [total: number, active: number] | undefined,
  bytes: number,
  free: number,
): Owner {
  const percent = bytes === 0 ? 0 : Math.floor((free / bytes) * 100);
  return {
    Type: type,
    TotalCount: counts === undefined ? '' : String(counts[0]),
    Active: counts === undefined ? '' : String(counts[1]),
    Size: humanSize(bytes),
    Reclaimable: `${humanSize(free)}${bytes === 0 ? '' : ` (${percent}%)`}`,
    Bytes: bytes,
  };
}

function owners(usage: DiskUsage): Owner[] {
  const running = usage.containers.filter(({ status }) => status === 'running' || status === 'paused').length;
  const usedImages = usage.images.filter(({ containers }) => containers > 0).length;
  const volumes: Owner[] =
    usage.volumes.length === 0
      ? []
      : [
          owner(
            'Local Volumes',
            [usage.volumes.length, usage.volumes.filter(({ containers }) => containers > 0).length],
            usage.volumesBytes,
            usage.volumesReclaimableBytes,
          ),
        ];
  return [
    owner('Images', [usage.images.length, usedImages], usage.imagesBytes, usage.imagesReclaimableBytes),
    owner(
      'Containers',
      [usage.containers.length, running],
      usage.containersBytes,
      usage.containersReclaimableBytes,
    ),
    ...volumes,
    owner('Unfinished', undefined, usage.unfinishedBytes, usage.unfinishedReclaimableBytes),
    owner('Engine', undefined, usage.engineBytes, 0),
  ];
}

async function showUsage(context: Context): Promise<number> {
  const engine = await context.engine();
  const usage = await engine.diskUsage();
  const format = context.flags.format();
  if (context.flags.bool('verbose')) {
    const images = imageRows(usage, await engine.images.list());
    const containers = containerRows(usage);
    const volumes = volumeRows(usage);
    if (format === undefined) printVerbose(images, containers, volumes);
    else {
      const fields = {
        Images: images,
        Containers: containers,
        Volumes: volumes,
        Owners: owners(usage),
      };
      print(formatRows(format, [{ fields }]));
    }
    return 0;
  }
  const rows = owners(usage);
  if (format === undefined) {
    const head = ['TYPE', 'TOTAL', 'ACTIVE', 'SIZE', 'RECLAIMABLE'];
    print(
      table([head, ...rows.map((row) => [row.Type, row.TotalCount, row.Active, row.Size, row.Reclaimable])]),
    );
  } else {
    print(
      formatRows(
        format,
        rows.map((row) => ({ fields: { ...row } })),
      ),
    );
  }
  return 0;
}

function imageRows(usage: DiskUsage, list: readonly ImageSummary[]) {
  return list.map((image) => {
    const bytes = usage.images.find(({ id }) => id === image.id);
    const [shared, unique] = [bytes?.sharedBytes ?? 0, bytes?.uniqueBytes ?? 0];
    return {
      ...imageRow(image, false).fields,
      Repository: image.repository,
      Tag: image.tag,
      ID: shortId(image.id),
      Created: since(image.createdAtMs),
      Size: humanSize(shared + unique),
      SharedSize: humanSize(shared),
      UniqueSize: humanSize(unique),
      Containers: String(bytes?.containers ?? 0),
    };
  });
}

function containerRows(usage: DiskUsage) {
  return usage.containers.map((container) => ({
    ID: shortId(container.id),
    Image: container.image,
    Command: cut(container.command.join(' '), COMMAND_WIDTH),
    LocalVolumes: String(container.volumes),
    Size: humanSize(container.diskBytes),
    Created: since(container.createdAtMs),
    Status: container.status,
    Names: container.name,
  }));
}

function volumeRows(usage: DiskUsage) {
  return usage.volumes.map(({ name, containers, diskBytes }) => ({
    Name: name,
    Links: String(containers),
    Size: humanSize(diskBytes),
  }));
}

function printVerbose(
  images: ReturnType<typeof imageRows>,
  containers: ReturnType<typeof containerRows>,
  volumes: ReturnType<typeof volumeRows>,
): void {
  const imageHead = [
    'REPOSITORY',
    'TAG',
    'IMAGE ID',
    'CREATED',
    'SIZE',
    'SHARED SIZE',
    'UNIQUE SIZE',
    'CONTAINERS',
  ];
  const imageCells = images.map((row) => [
    row.Repository,
    row.Tag,
    row.ID,
    row.Created,
    row.Size,
    row.SharedSize,
    row.UniqueSize,
    row.Containers,
  ]);
  const head = ['CONTAINER ID', 'IMAGE', 'COMMAND', 'LOCAL VOLUMES', 'SIZE', 'CREATED', 'STATUS', 'NAMES'];
  const cells = containers.map((row) => Object.values(row));
  print(`Images space usage:\n\n${table([imageHead, ...imageCells])}`);
  print(`\nContainers space usage:\n\n${table([head, ...cells])}`);
  const volumeCells = volumes.map((row) => Object.values(row));
  if (volumes.length > 0)
    print(`\nLocal Volumes space usage:\n\n${table([['VOLUME NAME', 'LINKS', 'SIZE'], ...volumeCells])}`);
}
