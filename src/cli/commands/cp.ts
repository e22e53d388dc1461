import { badInput } from '../../base/errors.ts';
import { type CopyWay, parseWay } from '../copy-ends.ts';
import { copyProgress } from '../copy-progress.ts';
import { humanSize } from '../format.ts';
import { write, writeError } from '../out.ts';
import type { Command, Context } from '../spec.ts';

/** `mydocker cp`: files into a container or out of it. */
export const cp: Command = {
  name: 'cp',
  summary: 'Copy files between a container and this machine',
  usage: 'CONTAINER:PATH|PATH|- CONTAINER:PATH|PATH|-',
  options: [
    { name: 'archive', short: 'a', help: 'keep owners (default: root in a container, you on this machine)' },
    { name: 'follow-link', short: 'L', help: 'copy what a symbolic link leads to, not the link' },
    { name: 'quiet', short: 'q', help: 'do not say what was copied' },
  ],
  examples: [
    'cp bird:/etc/hosts .',
    'cp ./site bird:/srv',
    'cp ./site/. bird:/srv',
    'cp bird:/etc - | tar -t',
    'cp -a - bird:/ < files.tar',
  ],
  args: [2, 2],
  run: copy,
};

async function copy(context: Context): Promise<number> {
  const { flags, args } = context;
  const [source = '', destination = ''] = args;
  const way = parseWay(source, destination);
  if (way.to.kind === 'stream' && process.stdout.isTTY === true) {
    throw badInput('an archive is not written to a terminal', {
      remedy: 'send standard output to a file or a program, or give a path',
    });
  }
  const progress = copyProgress(flags.bool('quiet'));
  try {
    const bytes = await carry(context, way, (done) => progress.show(done));
    progress.end();
    if (bytes !== undefined && !flags.bool('quiet')) {
      writeError(`Successfully copied ${humanSize(bytes)} to ${destination}\n`);
    }
  } finally {
    progress.end();
  }
  return 0;
}

/** The bytes of content; undefined for a stream, of which only its reader knows. */
async function carry(
  { flags, engine }: Context,
  { from, to }: CopyWay,
  onProgress: (bytes: number) => void,
): Promise<number | undefined> {
  const followLink = flags.bool('follow-link');
  const options = { followLink, keepOwner: flags.bool('archive'), onProgress };
  const { containers } = await engine();
  if (from.kind === 'container') {
    const { container, path } = from;
    if (to.kind === 'local') return containers.copyOut(container, path, to.path, options);
    for await (const chunk of await containers.copyFrom(container, path, { followLink })) write(chunk);
    return undefined;
  }
  if (to.kind !== 'container') return undefined;
  const { container, path } = to;
  if (from.kind === 'local') return containers.copyIn(from.path, container, path, options);
  return containers.copyTo(container, path, process.stdin, { onProgress });
}
