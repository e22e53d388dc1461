import { badInput } from '../base/errors.ts';
import { parseIp } from '../base/ip.ts';
import type { ContainerSpec, NetworkJoin } from '../engine/types.ts';
import type { Flags } from './parse.ts';
import { parseExpose, parsePublish } from './ports.ts';
import type { Mutable, OptionSpec } from './spec.ts';

/** How a container reaches others and is reached. */
export const NETWORK_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'network',
    also: ['net'],
    value: 'list',
    placeholder: 'NETWORK',
    help: 'a network (default: bridge), none, host, or container:NAME; several may be given',
  },
  {
    name: 'publish',
    short: 'p',
    value: 'list',
    placeholder: '[IP:][HOST:]PORT',
    help: 'make a port reachable on the host: 8080:80, 127.0.0.1:8080:80, 53:53/udp, 8000-8009:8000-8009',
  },
  {
    name: 'publish-all',
    short: 'P',
    help: 'publish every port the image exposes, on free ports of the host',
  },
  {
    name: 'expose',
    value: 'list',
    placeholder: 'PORT',
    help: 'a port the program serves, for --publish-all',
  },
  {
    name: 'ip',
    value: 'string',
    placeholder: 'ADDRESS',
    help: 'its IPv4 address in the network (default: a free one)',
  },
  {
    name: 'ip6',
    value: 'string',
    placeholder: 'ADDRESS',
    help: 'its IPv6 address in the network (default: a free one)',
  },
  {
    name: 'mac-address',
    value: 'string',
    placeholder: 'MAC',
    help: 'MAC address of its interface (default: made from the IP address)',
  },
  {
    name: 'network-alias',
    also: ['net-alias'],
    value: 'list',
    placeholder: 'NAME',
    help: 'one more name for others in the network to find it by',
  },
  {
    name: 'add-host',
    value: 'list',
    placeholder: 'NAME:ADDRESS',
    help: 'a line in its /etc/hosts; the address host-gateway is the host',
  },
];

const isIp4 = (text: string): boolean => parseIp(text)?.length === 4;
const isIp6 = (text: string): boolean => parseIp(text)?.length === 16;

function check(flag: string, text: string, ok: boolean, what: string, example: string): string {
  if (ok) return text;
  throw badInput(`${flag} "${text}" is ${what}`, {
    subject: flag,
    remedy: `give for example ${flag} ${example}`,
  });
}

function parseMac(flag: string, text: string): string {
  const isMac = /^([0-9a-fA-F]{2})([:-][0-9a-fA-F]{2}){5}$/.test(text);
  // The lowest bit of the first byte is set in addresses of groups.
  const isGroup = isMac && (Number.parseInt(text.slice(0, 2), 16) & 1) === 1;
  return check(
    flag,
    text,
    isMac && !isGroup,
    isGroup ? 'the address of a group' : 'no MAC address',
    '02:42:ac:11:00:02',
  );
}

function parseHost(flag: string, text: string): string {
  const [, name = '', address = ''] = /^([^:=]+)[:=](.+)$/.exec(text) ?? [];
  const plain = address.replace(/^\[(.*)\]$/, '$1');
  const ok = /^[a-zA-Z0-9_.-]+$/.test(name) && (plain === 'host-gateway' || parseIp(plain) !== undefined);
  check(flag, text, ok, 'no name and address', 'db:10.0.0.5');
  return `${name}:${plain}`;
}

const NAME = /^[a-zA-Z0-9]([a-zA-Z0-9_.-]{0,61}[a-zA-Z0-9])?$/;

/** A name for others in a network to find it by. */
export function parseAlias(flag: string, text: string): string {
  return check(flag, text, NAME.test(text), 'no name', 'db');
}

/** "name" or Docker's long form "name=web,ip=10.0.0.5,alias=a". */
function parseJoin(flag: string, text: string): Mutable<NetworkJoin> {
  if (!text.includes('=')) {
    if (text === '')
      throw badInput(`${flag} needs a network`, { subject: flag, remedy: `give for example ${flag} bridge` });
    return { name: text };
  }
  const join: Mutable<NetworkJoin> = { name: '' };
  const aliases: string[] = [];
  for (const field of text.split(',')) {
    const [key = '', value = ''] = field.split(/=(.*)/s);
    if (key === 'name') join.name = value;
    else if (key === 'ip')
      join.ip = check(flag, value, isIp4(value), 'no IPv4 address', 'name=web,ip=10.0.0.5');
    else if (key === 'ip6')
      join.ip6 = check(flag, value, isIp6(value), 'no IPv6 address', 'name=web,ip6=fd00::5');
    else if (key === 'mac-address') join.mac = parseMac(flag, value);
    else if (key === 'alias')
      aliases.push(check(flag, value, NAME.test(value), 'no name', 'name=web,alias=db'));
    else {
      throw badInput(`${flag} "${text}": unknown field "${key}"`, {
        subject: flag,
        remedy: 'there are: name, ip, ip6, mac-address, alias',
      });
    }
  }
  check(flag, text, join.name !== '', 'without a name', 'name=web,alias=db');
  return aliases.length === 0 ? join : { ...join, aliases };
}

/** `--ip` and its like belong to the first network, which is the default one when none is named. */
function joinsFromFlags(flags: Flags): Partial<ContainerSpec> {
  const spelling = flags.spelling('network');
  const joins = flags.list('network').map((text) => parseJoin(spelling, text));
  const own: Mutable<NetworkJoin> = { name: '' };
  flags.take(
    'ip',
    (text, flag) => (own.ip = check(flag, text, isIp4(text), 'no IPv4 address', '172.20.0.5')),
  );
  flags.take('ip6', (text, flag) => (own.ip6 = check(flag, text, isIp6(text), 'no IPv6 address', 'fd00::5')));
  flags.take('mac-address', (text, flag) => (own.mac = parseMac(flag, text)));
  const aliases = flags.list('network-alias').map((text) => parseAlias('--network-alias', text));
  if (aliases.length > 0) own.aliases = aliases;
  const { name: _name, ...settings } = own;
  if (joins.length === 0)
    return Object.keys(settings).length === 0 ? {} : { networks: [{ name: 'default', ...settings }] };
  const [first, ...others] = joins;
  return { networks: [{ name: '', ...first, ...settings }, ...others] };
}

/** Networks and ports. Throws BAD_INPUT. */
export function networkFromFlags(flags: Flags): Partial<ContainerSpec> {
  const spec: Partial<Mutable<ContainerSpec>> = joinsFromFlags(flags);
  const publish = flags.list('publish').map((text) => parsePublish(flags.spelling('publish'), text));
  if (publish.length > 0) spec.publish = publish;
  if (flags.bool('publish-all')) spec.publishAll = true;
  const expose = flags.list('expose').map((text) => parseExpose('--expose', text));
  if (expose.length > 0) spec.expose = expose;
  const list = (name: string, parse: (flag: string, text: string) => string): string[] | undefined =>
    flags.has(name) ? flags.list(name).map((text) => parse(flags.spelling(name), text)) : undefined;
  const hosts = list('add-host', parseHost);
  if (hosts !== undefined) spec.extraHosts = hosts;
  return spec;
}
