import { type Action, type Step, type StepNotes, steps } from '../plan/index.ts';
import { attribute, HEADER_BYTES, messages, NETLINK_NETFILTER, NLM, nested } from './netlink.ts';
import { accept, back, batch, FAMILY, ifname, jump, META, meta, NFT_MSG, nft, number, same } from './nft.ts';
import { ERRNO, netfilter } from './send.ts';

/*
 * Other software lets a chain at the forward hook drop or reject what no rule of its own accepts: Docker and ufw the chain
 * FORWARD of the iptables tables, firewalld one of its own table. A packet must pass every chain at its hook, so ours alone
 * cannot let ours through: for each of our bridges there a chain that accepts, and two rules that jump to it. In the tables of
 * iptables they say what iptables(8) itself would have made of
 *
 *   iptables -N mydocker-md-… ; iptables -A mydocker-md-… -o docker+ -j RETURN ; … ; iptables -A mydocker-md-… -j ACCEPT
 *   iptables -I FORWARD -i md-… -j mydocker-md-… ; iptables -I FORWARD -o md-… -j mydocker-md-…
 *
 * so that its users can read, keep and delete them. What goes to a bridge of theirs is theirs to accept: their containers
 * and machines have ports that they do not publish. What may not come to our containers is still dropped by our table.
 */

/** A chain of others that is in our way, if the answer to a question for it holds `expect`. */
interface Foreign {
  family: number;
  table: string;
  chain: string;
  expect: Buffer;
  why: string;
  /** Its table may be one that the kernel keeps for its owner. */
  ignore?: 'EPERM';
}

/** NFTA_CHAIN_POLICY with NF_DROP. */
const DROPS = number(5, 0);
const IPTABLES: Readonly<Record<4 | 6, Foreign>> = {
  4: {
    family: FAMILY.ip,
    table: 'filter',
    chain: 'FORWARD',
    expect: DROPS,
    why: 'where the chain FORWARD of iptables drops (Docker, ufw), it accepts',
  },
  6: {
    family: FAMILY.ip6,
    table: 'filter',
    chain: 'FORWARD',
    expect: DROPS,
    why: 'where the chain FORWARD of ip6tables drops (Docker, ufw), it accepts',
  },
};
/**
 * Rejects at its end what is in none of its zones; for both families. It loses our rules with all others when it reloads. From
 * 2.1 on it may own its table (NftablesTableOwner): then nobody else changes it, and its zones decide.
 */
const FIREWALLD: Foreign = {
  family: FAMILY.inet,
  table: 'firewalld',
  chain: 'filter_FORWARD',
  expect: Buffer.from('filter_FORWARD\0'),
  why: 'where firewalld rejects what it has no zone for, it accepts',
  ignore: 'EPERM',
};
const RULE_HANDLE = 3;
/** How the names of others' bridges begin: Docker's (docker0, docker_gwbridge, br-…), podman's, libvirt's. */
const OTHERS_BRIDGES = ['docker', 'br-', 'podman', 'virbr'];

type Noted = Action & StepNotes;
type Version = 4 | 6;
const othersOf = (version: Version): Foreign[] => (version === 4 ? [IPTABLES[4], FIREWALLD] : [IPTABLES[6]]);
const chainOf = (bridge: string): string => `mydocker-${bridge}`;

function rule({ family, table }: Foreign, chain: string, flags: number, ...expressions: Buffer[]): Buffer {
  const to = [attribute(1, table), attribute(2, chain)];
  return nft(NFT_MSG.NEWRULE, family, NLM.CREATE | flags, ...to, nested(4, ...expressions));
}

/** Refused as a whole with EEXIST when the chain is there: then the rules are as well. */
function acceptBridge(other: Foreign, bridge: string): Buffer {
  const chain = chainOf(bridge);
  const name = same(ifname(bridge));
  const made = [attribute(1, other.table), attribute(3, chain)];
  return batch(
    nft(NFT_MSG.NEWCHAIN, other.family, NLM.CREATE | NLM.EXCL, ...made),
    ...OTHERS_BRIDGES.map((prefix) =>
      rule(other, chain, NLM.APPEND, meta(META.oifname), same(Buffer.from(prefix)), back()),
    ),
    rule(other, chain, NLM.APPEND, accept()),
    // Without NLM_F_APPEND: before all others, of which one may drop.
    rule(other, other.chain, 0, meta(META.iifname), name, jump(chain)),
    rule(other, other.chain, 0, meta(META.oifname), name, jump(chain)),
  );
}

const refusable = ({ ignore }: Foreign): Pick<StepNotes, 'ignore'> =>
  ignore === undefined ? {} : { ignore };

const REMEMBERED = 256;
const remembered = new Map<string, Step[]>();

/** Looked at by every start: other software may have come since. */
export function planForwarding(bridge: string, version: Version): Step[] {
  const key = `${bridge} ${version}`;
  const known = remembered.get(key);
  if (known !== undefined) return known;
  const made = forwarding(bridge, version);
  if (remembered.size === REMEMBERED) remembered.clear();
  remembered.set(key, made);
  return made;
}

function forwarding(bridge: string, version: Version): Step[] {
  return steps(
    'host',
    ...othersOf(version).map((other): Noted => {
      const at = [attribute(1, other.table), attribute(3, other.chain)];
      return {
        op: 'netlink-check',
        protocol: NETLINK_NETFILTER,
        question: messages(nft(NFT_MSG.GETCHAIN, other.family, 0, ...at)),
        expect: other.expect,
        messages: acceptBridge(other, bridge),
        why: `${other.why} ${bridge}`,
        ...refusable(other),
      };
    }),
  );
}

/** Takes those rules back: when the bridge goes for good. */
export function forgetForwarding(bridge: string, version: Version): Noted[] {
  return othersOf(version).flatMap((other) => forget(other, bridge));
}

function forget(other: Foreign, bridge: string): Noted[] {
  const { family, table } = other;
  const chain = chainOf(bridge);
  const to = [attribute(1, table), attribute(2, other.chain)];
  const question = messages(nft(NFT_MSG.GETRULE, family, NLM.DUMP, ...to));
  const rules = batch(nft(NFT_MSG.DELRULE, family, 0, ...to, attribute(RULE_HANDLE, Buffer.alloc(8))));
  // Behind the batch's first message, the second's heads (nlmsghdr, nfgenmsg), two attributes, and the head of its own.
  const handleAt = HEADER_BYTES + 4 + HEADER_BYTES + 4 + Buffer.concat(to).length + 4;
  return [
    {
      op: 'netlink-each',
      protocol: NETLINK_NETFILTER,
      question,
      expect: Buffer.from(`${chain}\0`),
      attribute: RULE_HANDLE,
      messages: rules,
      handleAt,
      why: `rules for ${bridge} in the chain ${other.chain} of other software`,
      ...refusable(other),
    },
    {
      ...netfilter(
        batch(
          nft(NFT_MSG.DELRULE, family, 0, attribute(1, table), attribute(2, chain)),
          nft(NFT_MSG.DELCHAIN, family, 0, attribute(1, table), attribute(3, chain)),
        ),
        ERRNO.ENOENT,
      ),
      why: `and the chain ${chain}`,
      ...refusable(other),
    },
  ];
}
