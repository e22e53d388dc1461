import { writeArchive } from '../archive-out.ts';
import type { Command } from '../spec.ts';

/** `mydocker export`. */
export const exportContainer: Command = {
  name: 'export',
  summary: 'Write the files of a container to an archive',
  usage: 'CONTAINER',
  options: [
    {
      name: 'output',
      short: 'o',
      value: 'string',
      placeholder: 'FILE',
      help: 'the file (default: standard output)',
    },
  ],
  examples: ['export -o bird.tar bird', 'export bird | mydocker import - bird:flat'],
  args: [1, 1],
  run: async ({ flags, args, engine }) => {
    const [container = ''] = args;
    await writeArchive(flags.string('output'), await (await engine()).containers.export(container));
    return 0;
  },
};
