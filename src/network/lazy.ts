/** The parts of this room that few containers need: loaded when first used. */
import type { DeniedAddress, EgressWish } from './egress.ts';

export type { DeniedAddress, EgressWish };

/** See egress.ts. */
export function loadEgress(): Promise<typeof import('./egress.ts')> {
  return import('./egress.ts');
}
