import type { Plan } from '../plan/index.ts';
import type { Core } from './core.ts';
import { recordOf } from './create.ts';
import { explainImage } from './explain.ts';
import { launchPlan } from './launch-plan.ts';
import { securityOf } from './security.ts';
import type { ContainerSpec, How } from './types.ts';

/** The launch plan such a container would have. Changes nothing and needs no root. */
export async function explainContainer(core: Core, spec: ContainerSpec, how: How): Promise<Plan> {
  const image = explainImage(core, spec.image ?? core.defaultImage);
  const id = '0123456789ab'.padEnd(64, '0');
  return launchPlan(core, recordOf(core, spec, image, id, spec.name ?? 'bird', await securityOf(spec)), how);
}
