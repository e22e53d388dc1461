import { badInput } from '../../base/errors.ts';
import type { NetworkSpec } from '../../engine/types.ts';
import { parseLabels } from '../env.ts';
import { print } from '../out.ts';
import type { Flags } from '../parse.ts';
import type { Command, Mutable } from '../spec.ts';

/** `mydocker network create`. */
export const networkCreate: Command = {
  name: 'network create',
  summary: 'Make a network',
  usage: 'NETWORK',
  options: [
    {
      name: 'driver',
      short: 'd',
      value: 'string',
      placeholder: 'NAME',
      help: 'bridge, which is all there is',
    },
    {
      name: 'subnet',
      value: 'list',
      placeholder: 'CIDR',
      help: 'its addresses (default: a free /24); once more for IPv6',
    },
    {
      name: 'gateway',
      value: 'list',
      placeholder: 'ADDRESS',
      help: 'the host’s address in it (default: the first of the subnet)',
    },
    {
      name: 'ip-range',
      value: 'string',
      placeholder: 'CIDR',
      help: 'where containers get addresses from (default: all of the subnet)',
    },
    { name: 'ipv6', help: 'IPv6 addresses too (default: from a prefix of its own, fd…/64)' },
    { name: 'internal', help: 'no way out, and nothing published' },
    { name: 'label', value: 'list', placeholder: 'K=V', help: 'a label, kept with the network' },
    {
      name: 'opt',
      short: 'o',
      value: 'list',
      placeholder: 'K=V',
      help: 'mtu=1400: the largest packet in bytes (default 1500)',
    },
  ],
  examples: [
    'network create web',
    'network create -driver bridge -subnet 192.168.10.0/24 testbr',
    'network create --ipv6 --internal -o mtu=1400 --label project=web back',
  ],
  args: [1, 1],
  run: async ({ flags, args, engine }) => {
    const networks = await (await engine()).networks();
    print((await networks.create(specOf(args[0] ?? '', flags))).id);
    return 0;
  },
};

function optionsOf(flags: Flags): Record<string, string> {
  return Object.fromEntries(
    flags.list('opt').map((text) => {
      const [key = '', value] = text.split(/=(.*)/s);
      if (key !== '' && value !== undefined) return [key, value];
      throw badInput(`${flags.spelling('opt')} "${text}" is not of the form KEY=VALUE`, {
        subject: text,
        remedy: 'give for example -o mtu=1400',
      });
    }),
  );
}

function specOf(name: string, flags: Flags): NetworkSpec {
  const spec: Mutable<NetworkSpec> = { name, ipv6: flags.bool('ipv6'), internal: flags.bool('internal') };
  flags.take('driver', (text) => (spec.driver = text));
  flags.take('ip-range', (text) => (spec.ipRange = text));
  if (flags.has('subnet')) spec.subnets = flags.list('subnet');
  if (flags.has('gateway')) spec.gateways = flags.list('gateway');
  return { ...spec, labels: parseLabels('--label', flags.list('label')), options: optionsOf(flags) };
}
