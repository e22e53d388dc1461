import type { Plan } from '../plan/index.ts';
import type { Core } from './core.ts';
import { recordOf } from './create.ts';
import { explainImage } from './explain.ts';
import { launchPlan } from './launch-plan.ts';
import { prepareSpec } from './prepare.ts';
import type { ContainerSpec, How } from './types.ts';

/** The launch plan such a container would have. Changes nothing and needs no root. */
export async function explainContainer(core: Core, spec: ContainerSpec, how: How): Promise<Plan> {
  const image = explainImage(core, spec.image ?? core.defaultImage);
  const id = '0123456789ab'.padEnd(64, '0');
  const prepared = await prepareSpec(core, spec, image);
  const record = recordOf(core, spec, image, id, spec.name ?? 'bird', prepared);
  const { isolation } = record;
  if (isolation?.userBlock === undefined) return launchPlan(core, record, how);
  // Which block it would get shows when it is made: the first stands for it.
  return launchPlan(core, { ...record, isolation: { ...isolation, userBlock: 0 } }, how);
}
