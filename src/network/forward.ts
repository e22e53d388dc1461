import { type Action, type Step, type StepNotes, steps } from '../plan/index.ts';
import { attribute, HEADER_BYTES, messages, NETLINK_NETFILTER, NLM, nested } from './netlink.ts';
import { accept, back, batch, FAMILY, ifname, jump, META, meta, NFT_MSG, nft, number, same } from './nft.ts';
import { ERRNO, netfilter } from './send.ts';

/*
 * Other software (Docker, ufw) lets the chain FORWARD of the iptables tables drop what no rule accepts. A packet must
 * pass every chain at its hook, so ours alone cannot let ours through: for each of our bridges there a chain that
 * accepts, and two rules that jump to it. They say what iptables(8) itself would have made of
 *
 *   iptables -N mydocker-md-… ; iptables -A mydocker-md-… -o docker+ -j RETURN ; … ; iptables -A mydocker-md-… -j ACCEPT
 *   iptables -I FORWARD -i md-… -j mydocker-md-… ; iptables -I FORWARD -o md-… -j mydocker-md-…
 *
 * so that its users can read, keep and delete them. What goes to a bridge of theirs is theirs to accept: their containers
 * and machines have ports that they do not publish. What may not come to our containers is still dropped by our table.
 */
const TABLE = 'filter';
const FORWARD = 'FORWARD';
/** NFTA_CHAIN_POLICY with NF_DROP. */
const DROPS = number(5, 0);
const RULE_HANDLE = 3;
/** How the names of others' bridges begin: Docker's (docker0, docker_gwbridge, br-…), podman's, libvirt's. */
const OTHERS_BRIDGES = ['docker', 'br-', 'podman', 'virbr'];

type Noted = Action & StepNotes;
type Version = 4 | 6;
const familyOf = (version: Version): number => (version === 4 ? FAMILY.ip : FAMILY.ip6);
const chainOf = (bridge: string): string => `mydocker-${bridge}`;

function rule(family: number, chain: string, flags: number, ...expressions: Buffer[]): Buffer {
  const to = [attribute(1, TABLE), attribute(2, chain)];
  return nft(NFT_MSG.NEWRULE, family, NLM.CREATE | flags, ...to, nested(4, ...expressions));
}

/** Refused as a whole with EEXIST when the chain is there: then the rules are as well. */
function acceptBridge(family: number, bridge: string): Buffer {
  const chain = chainOf(bridge);
  const name = same(ifname(bridge));
  return batch(
    nft(NFT_MSG.NEWCHAIN, family, NLM.CREATE | NLM.EXCL, attribute(1, TABLE), attribute(3, chain)),
    ...OTHERS_BRIDGES.map((prefix) =>
      rule(family, chain, NLM.APPEND, meta(META.oifname), same(Buffer.from(prefix)), back()),
    ),
    rule(family, chain, NLM.APPEND, accept()),
    // Without NLM_F_APPEND: before all others, of which one may drop.
    rule(family, FORWARD, 0, meta(META.iifname), name, jump(chain)),
    rule(family, FORWARD, 0, meta(META.oifname), name, jump(chain)),
  );
}

/** Looked at by every start: other software may have come since. */
export function planForwarding(bridge: string, version: Version): Step[] {
  const family = familyOf(version);
  return steps('host', {
    op: 'netlink-check',
    protocol: NETLINK_NETFILTER,
    question: messages(nft(NFT_MSG.GETCHAIN, family, 0, attribute(1, TABLE), attribute(3, FORWARD))),
    expect: DROPS,
    messages: acceptBridge(family, bridge),
    why: `where the chain FORWARD of ip${version === 4 ? '' : '6'}tables drops (Docker, ufw), it accepts ${bridge}`,
  });
}

/** Takes those rules back: when the bridge goes for good. */
export function forgetForwarding(bridge: string, version: Version): Noted[] {
  const family = familyOf(version);
  const chain = chainOf(bridge);
  const to = [attribute(1, TABLE), attribute(2, FORWARD)];
  const question = messages(nft(NFT_MSG.GETRULE, family, NLM.DUMP, ...to));
  const forget = batch(nft(NFT_MSG.DELRULE, family, 0, ...to, attribute(RULE_HANDLE, Buffer.alloc(8))));
  // Behind the batch's first message, the second's heads (nlmsghdr, nfgenmsg), two attributes, and the head of its own.
  const handleAt = HEADER_BYTES + 4 + HEADER_BYTES + 4 + Buffer.concat(to).length + 4;
  return [
    {
      op: 'netlink-each',
      protocol: NETLINK_NETFILTER,
      question,
      expect: Buffer.from(`${chain}\0`),
      attribute: RULE_HANDLE,
      messages: forget,
      handleAt,
      why: `rules for ${bridge} in the chain FORWARD of other software`,
    },
    {
      ...netfilter(
        batch(
          nft(NFT_MSG.DELRULE, family, 0, attribute(1, TABLE), attribute(2, chain)),
          nft(NFT_MSG.DELCHAIN, family, 0, attribute(1, TABLE), attribute(3, chain)),
        ),
        ERRNO.ENOENT,
      ),
      why: `and the chain ${chain}`,
    },
  ];
}
