import { badInput } from '../../base/errors.ts';
import { explainLines, explainPlan } from '../../plan/index.ts';
import { commandHelp } from '../help.ts';
import { chooseImage, imageSpec, noImage } from '../image-words.ts';
import { print } from '../out.ts';
import { parse } from '../parse.ts';
import { specFromFlags } from '../run-options.ts';
import { type Command, type Context, MANY } from '../spec.ts';
import { create } from './create.ts';
import { run } from './run.ts';

/** `mydocker explain run …`: the launch plan, printed and not carried out. */
export const explain: Command = {
  name: 'explain',
  summary: 'Show every system call that a run would make, and why; runs nothing',
  usage: 'run|create [RUN OPTIONS] [IMAGE] COMMAND [ARG…]',
  options: [{ name: 'json', help: 'as data, with nothing shortened' }],
  examples: ['explain run busybox echo hello', 'explain --json run -m 64m busybox true'],
  args: [1, MANY],
  passThrough: true,
  needsRoot: false,
  run: explainRun,
};

async function explainRun(context: Context): Promise<number> {
  const [verb = '', ...words] = context.args;
  const explained = [run, create].find((command) => command.name === verb);
  if (explained === undefined) {
    throw badInput(`there is nothing to explain for "${verb}"`, {
      subject: verb,
      remedy: 'only run and create have a plan, for example: mydocker explain run busybox true',
    });
  }
  const json: Command['options'] = [{ name: 'json', help: 'as data, with nothing shortened' }];
  const { flags, args, help } = parse(
    { ...explained, name: `explain ${verb}`, options: [...explained.options, ...json] },
    words,
  );
  if (help) {
    print(commandHelp(explain));
    return 0;
  }
  if (args.length === 0) {
    throw badInput('no image or command given', {
      remedy: 'give one, for example: mydocker explain run busybox true',
    });
  }
  const described = await specFromFlags(flags);
  const engine = await context.engine();
  const { defaultImage } = context.globals;
  const chosen = chooseImage(args, engine, defaultImage);
  // Explaining runs nothing, and fetches nothing either.
  if (chosen.isMissing === true) throw noImage(chosen.image, defaultImage);
  const plan = await engine.containers.explain({ ...described, ...imageSpec(chosen) });
  const steps = explainPlan(plan);
  if (context.flags.bool('json') || flags.bool('json')) {
    print(JSON.stringify({ steps }, null, 2));
  } else {
    print(explainLines(steps, wantsColor()).join('\n'));
  }
  return 0;
}

/** no-color.org */
function wantsColor(): boolean {
  const { NO_COLOR: off, TERM: term } = process.env;
  return (off === undefined || off === '') && term !== 'dumb' && process.stdout.isTTY === true;
}
