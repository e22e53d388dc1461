import { MydockerError } from '../../base/index.ts';

/*
 * Classic BPF as seccomp(2) takes it: struct sock_filter, linux/filter.h. A program is built as a graph of nodes,
 * for jumps only go forward, and laid out from its end: when a node is placed, all it leads to stands already, and
 * the distances are known. A node that several lead to is placed once.
 */

/** A piece of a filter: what is done from here to the end. */
export type Node =
  | { readonly kind: 'return'; readonly value: number }
  | { readonly kind: 'do'; readonly code: number; readonly k: number; readonly next: Node }
  | { readonly kind: 'if'; readonly code: number; readonly k: number; readonly yes: Node; readonly no: Node };

const LD_W_ABS = 0x20;
const ALU_AND_K = 0x54;
const JA = 0x05;
const RET_K = 0x06;
const JUMPS = { eq: 0x15, gt: 0x25, ge: 0x35 } as const;

/** BPF_MAXINSNS. */
const MAX_INSTRUCTIONS = 4096;
/** A conditional jump's distance is one byte. */
const FAR = 255;

/** Offsets in struct seccomp_data. */
export const DATA = { nr: 0, arch: 4 } as const;

/** Offsets of an argument's halves; all machines here are little-endian. */
export function argOffsets(index: number): { low: number; high: number } {
  return { low: 16 + 8 * index, high: 20 + 8 * index };
}

/** Ends with this value. */
export const ret = (value: number): Node => ({ kind: 'return', value });
/** The accumulator becomes a word of the call's data. */
export const load = (offset: number, next: Node): Node => ({ kind: 'do', code: LD_W_ABS, k: offset, next });
/** The accumulator keeps the mask's bits. */
export const and = (mask: number, next: Node): Node => ({ kind: 'do', code: ALU_AND_K, k: mask, next });
/** `yes` where the accumulator compares so with k (unsigned), else `no`. */
export const when = (test: keyof typeof JUMPS, k: number, yes: Node, no: Node): Node => ({
  kind: 'if',
  code: JUMPS[test],
  k,
  yes,
  no,
});

type Instruction = readonly [code: number, jt: number, jf: number, k: number];

/** Instructions last first, and where each node stands among them. */
class Layout {
  readonly backwards: Instruction[] = [];
  private readonly places = new Map<Node, number>();

  place(node: Node): void {
    if (this.places.has(node)) return;
    if (node.kind === 'return') this.push(RET_K, 0, 0, node.value);
    else if (node.kind === 'do') {
      this.place(node.next);
      if (this.distance(node.next) > 0) this.push(JA, 0, 0, this.distance(node.next));
      this.push(node.code, 0, 0, node.k);
    } else {
      this.place(node.no);
      this.place(node.yes);
      // A step in between may push the other target out of reach by one more.
      const [no, yes] = [this.near(node.no, 1), this.near(node.yes, 0)];
      this.push(node.code, yes(), no(), node.k);
    }
    this.places.set(node, this.backwards.length - 1);
  }

  /** Instructions between the next one placed and the node. */
  private distance(node: Node): number {
    return this.backwards.length - 1 - (this.places.get(node) ?? 0);
  }

  /** A distance that fits a conditional jump: to the node, or to a long jump placed for it. */
  private near(node: Node, margin: number): () => number {
    if (this.distance(node) + margin <= FAR) return () => this.distance(node);
    this.push(JA, 0, 0, this.distance(node));
    const step = this.backwards.length - 1;
    return () => this.backwards.length - 1 - step;
  }

  private push(code: number, jt: number, jf: number, k: number): void {
    this.backwards.push([code, jt, jf, k >>> 0]);
  }
}

/** The error for a profile that would need more instructions than the kernel takes. */
export function tooLarge(): MydockerError {
  return new MydockerError(
    'BAD_SECCOMP',
    `the seccomp profile needs more than the ${MAX_INSTRUCTIONS} instructions that the kernel takes`,
    { remedy: 'give it fewer rules with arguments' },
  );
}

/** The bytes of struct sock_filter[]. Throws MydockerError BAD_SECCOMP for more than the kernel takes. */
export function assemble(root: Node): Uint8Array {
  const layout = new Layout();
  layout.place(root);
  const { length } = layout.backwards;
  if (length > MAX_INSTRUCTIONS) throw tooLarge();
  const bytes = new Uint8Array(length * 8);
  const view = new DataView(bytes.buffer);
  for (const [i, [code, jt, jf, k]] of layout.backwards.entries()) {
    const at = (length - 1 - i) * 8;
    view.setUint16(at, code, true);
    view.setUint8(at + 2, jt);
    view.setUint8(at + 3, jf);
    view.setUint32(at + 4, k, true);
  }
  return bytes;
}
