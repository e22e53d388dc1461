// What will happen, before anything does: needs no root, changes nothing.
import { Engine } from 'mydocker';

const engine = new Engine();
const plan = await engine.containers.explain({
  image: 'busybox',
  command: ['top'],
  resources: { memoryBytes: 100_000_000 },
});
for (const step of plan.steps.filter(({ op }) => ['clone', 'mount', 'pivot-root', 'exec'].includes(op))) {
  console.log(`${step.where.padEnd(10)} ${step.op.padEnd(10)} ${step.why}`);
}
