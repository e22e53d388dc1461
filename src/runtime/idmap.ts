import { type Step, steps } from '../plan/index.ts';
import type { Slots } from './slots.ts';
import type { OciIdMapping, OciMount } from './spec.ts';

/** A map as /proc/PID/uid_map takes it, user_namespaces(7): one "inside outside count" a line. */
export function mapText(mappings: readonly OciIdMapping[]): string {
  // Without a map nobody would be anybody; the other kind of number stays as it is.
  if (mappings.length === 0) return '0 0 4294967295\n';
  return mappings.map((m) => `${m.containerID} ${m.hostID} ${m.size}\n`).join('');
}

/** Plans the user namespace whose map an idmapped mount gets: its slot, or undefined for a mount without a map. */
export function idmapSlot(m: OciMount, slots: Slots, before: Step[]): number | undefined {
  const { uidMappings = [], gidMappings = [] } = m;
  if (uidMappings.length === 0 && gidMappings.length === 0) return undefined;
  const map = { uidMap: mapText(uidMappings), gidMap: mapText(gidMappings) };
  const known = before.find(
    (step) => step.op === 'make-userns' && step.uidMap === map.uidMap && step.gidMap === map.gidMap,
  );
  if (known?.op === 'make-userns') return known.slot;
  const slot = slots.take();
  before.push(
    ...steps('host', {
      op: 'make-userns',
      ...map,
      slot,
      why: 'a user namespace is what says who is who in an idmapped mount',
    }),
  );
  return slot;
}
