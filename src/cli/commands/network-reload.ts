import type { Command } from '../spec.ts';

/** `mydocker network reload`. */
export const networkReload: Command = {
  name: 'network reload',
  summary: 'Make the rules of running containers anew, after other software removed them',
  usage: '',
  options: [],
  examples: ['network reload'],
  args: [0, 0],
  run: async ({ engine }) => {
    await (await (await engine()).networks()).reload();
    return 0;
  },
};
