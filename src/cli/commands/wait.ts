import { type Command, type Context, MANY } from '../spec.ts';
import { eachTarget } from '../targets.ts';

/** `mydocker wait`: block until containers end; print their exit codes in the order given. */
export const wait: Command = {
  name: 'wait',
  summary: 'Wait until containers end and print their exit codes',
  usage: 'CONTAINER [CONTAINER…]',
  options: [],
  examples: ['wait job'],
  args: [1, MANY],
  run: waitForContainers,
};

async function waitForContainers(context: Context): Promise<number> {
  const engine = await context.engine();
  const { args } = context;
  let failed = 0;
  for (const ref of args) {
    failed |= await eachTarget({ ...context, args: [ref] }, async () =>
      String(await engine.containers.wait(ref)),
    );
  }
  return failed;
}
