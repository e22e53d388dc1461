import { badInput, MydockerError } from '../../base/errors.ts';
import type { PublishedPort } from '../../engine/types.ts';
import { print } from '../out.ts';
import type { Command } from '../spec.ts';

const hostText = ({ hostIp, hostPort }: PublishedPort): string =>
  `${hostIp.includes(':') ? `[${hostIp}]` : hostIp}:${hostPort}`;

/** `mydocker port`. */
export const port: Command = {
  name: 'port',
  summary: 'Show where the ports of a container are reached',
  usage: 'CONTAINER [PORT[/PROTOCOL]]',
  options: [],
  examples: ['port web', 'port web 80', 'port web 53/udp'],
  args: [1, 2],
  run: async ({ args, engine }) => {
    const [ref = '', asked] = args;
    const wanted = asked === undefined ? undefined : parsePort(asked);
    const { name, published } = await (await engine()).containers.inspect(ref);
    if (wanted === undefined) {
      for (const one of published) print(`${one.containerPort}/${one.protocol} -> ${hostText(one)}`);
      return 0;
    }
    const found = published.filter(
      ({ containerPort, protocol }) => containerPort === wanted.number && protocol === wanted.protocol,
    );
    if (found.length === 0) {
      const text = `${wanted.number}/${wanted.protocol}`;
      throw new MydockerError('NOT_PUBLISHED', `the port ${text} of ${name} is not published`, {
        subject: text,
        remedy: `see all with: mydocker port ${name}; publish it with: mydocker update --publish-add ${wanted.number}:${text} ${name}`,
        exitCode: 1,
      });
    }
    for (const one of found) print(hostText(one));
    return 0;
  },
};

function parsePort(text: string): { number: number; protocol: string } {
  const [, digits = '', protocol = 'tcp'] = /^(\d{1,5})(?:\/(tcp|udp))?$/.exec(text) ?? [];
  const number = Number(digits);
  if (digits !== '' && number >= 1 && number <= 65_535) return { number, protocol };
  throw badInput(`"${text}" is no port`, { subject: text, remedy: 'give for example 80 or 53/udp' });
}
