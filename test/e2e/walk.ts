/** Fault injection, step by step: for the tests that walk through every kind of plan. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { after } from 'node:test';
import type { Step } from '../../src/plan/index.ts';
import { sayStep } from '../../src/shim/failure.ts';
import { cgroups, command, EXECUTABLE, Host, type Result, until } from './harness.ts';
import { inTerminal, shims, stateOf } from './state.ts';

interface Explained {
  n: number;
  op: string;
  args: Record<string, unknown>;
  why: string;
}

/** One root directory in which one fault after the other is tried. */
export interface Lane {
  host: Host;
  /** Bound into the containers: must stay as it is. */
  data: string;
}

const LANES = 4;
const EXEC_FAILED = 126;
export const lanes: Lane[] = Array.from({ length: LANES }, (_, i) => {
  const host = new Host();
  const data = `/var/tmp/mydocker-faults-${process.pid}-${i}`;
  mkdirSync(data);
  writeFileSync(`${data}/kept`, 'kept\n');
  return { host, data };
});
after(() => {
  for (const { data } of lanes) rmSync(data, { recursive: true });
});

async function stepsOf({ host }: Lane, flags: readonly string[]): Promise<Explained[]> {
  const json = await host.ok('explain', '--json', 'run', ...flags, 'busybox', 'true');
  return (JSON.parse(json) as { steps: Explained[] }).steps;
}

/** The step's subject as `explain` has it; ids differ from run to run. */
function subject(step: Explained): string {
  return withoutIds(sayStep({ ...step.args, op: step.op, where: 'host', why: step.why } as unknown as Step));
}

function withoutIds(text: string): string {
  return text.replace(/[0-9a-f]{64}/g, '<id>');
}

/** Our cgroups that hold no process, with the fault after which each was seen first. */
export class CgroupWatch {
  private readonly before = new Set(cgroups());
  private readonly seen = new Map<string, string>();

  look(fault: string): void {
    for (const path of cgroups())
      if (!this.before.has(path) && !this.seen.has(path)) this.seen.set(path, fault);
  }

  /** Other tests' containers come and go: what is left behind is what stays and is empty. */
  async settle(): Promise<void> {
    const left = (): string[] => {
      const now = new Set(cgroups());
      return [...this.seen]
        .filter(([path]) => now.has(path) && isEmpty(path))
        .map(([path, fault]) => `${path} (${fault})`);
    };
    try {
      await until('empty cgroups are gone', () => left().length === 0, 5000);
    } catch {
      assert.deepEqual(left(), []);
    }
  }
}

function isEmpty(path: string): boolean {
  const [hierarchy = '', id = ''] = path.split('/');
  try {
    return readFileSync(`/sys/fs/cgroup/${hierarchy}/mydocker/${id}/cgroup.procs`, 'utf8') === '';
  } catch (error) {
    if (
      (error as NodeJS.ErrnoException).code === 'ENOENT' ||
      (error as NodeJS.ErrnoException).code === 'ENODEV'
    )
      return false;
    throw error;
  }
}

interface Walk {
  /** How many steps the plan has; undefined: unknown, found by failing until it works. */
  steps?: readonly Explained[];
  attempt: (lane: Lane, fault: string) => Promise<Result>;
  /** What the working attempt after the last step leaves is taken away. */
  tidy?: (lane: Lane) => Promise<unknown>;
}

function checkFailure(result: Result, n: number, step: Explained | undefined): void {
  const output = `${result.stdout}${result.stderr}`.trim();
  assert.match(
    output,
    new RegExp(`^mydocker: cannot [^\n]*: step ${n}, [^\n]*EIO[^\n]*$`),
    `step ${n}: ${output}`,
  );
  if (step !== undefined)
    assert.ok(withoutIds(output).includes(`: step ${n}, ${subject(step)}: EIO: `), output);
  const isExec = /: step \d+, execute /.test(output);
  assert.equal(result.code, isExec ? EXEC_FAILED : 125, `step ${n}: exit ${result.code}: ${output}`);
}

type Features = (lane: Lane) => string[];

/** Walks all steps, LANES at a time; each lane's root must be after each fault what it was before. */
export async function walk({ steps, attempt, tidy }: Walk): Promise<number> {
  const watch = new CgroupWatch();
  let next = 1;
  let works = Number.POSITIVE_INFINITY;
  await Promise.all(
    lanes.map(async (lane) => {
      const before = stateOf(lane.host.root);
      const alive = shims(lane.host.root).length;
      for (let n = next++; n < works && n <= (steps?.length ?? 500); n = next++) {
        const result = await attempt(lane, String(n));
        if (result.code === 0 && steps === undefined) {
          works = Math.min(works, n);
          await tidy?.(lane);
          continue;
        }
        checkFailure(result, n, steps?.[n - 1]);
        // A shim that told the failure over its socket is still in exit(2) for a moment.
        await until('its shim has ended', () => shims(lane.host.root).length <= alive);
        assert.deepEqual(stateOf(lane.host.root), before, `after a fault at step ${n} all is as before`);
        assert.equal(readFileSync(`${lane.data}/kept`, 'utf8'), 'kept\n');
        watch.look(`step ${n}`);
      }
    }),
  );
  await watch.settle();
  return steps?.length ?? works - 1;
}

function runWith(flags: readonly string[], features: Features, terminal: boolean) {
  return ({ host, data }: Lane, fault: string): Promise<Result> => {
    const words = ['run', ...flags, ...features({ host, data }), 'busybox', 'true'];
    const env = { MYDOCKER_FAIL_STEP: fault, MYDOCKER_ROOT: host.root };
    if (!terminal) return host.run(words, { env });
    return command(...inTerminal([EXECUTABLE, ...words]), { env });
  };
}

/** Walks a run with these flags, and with what each lane has of its own; --name bird must be among them. */
export async function walkRun(flags: readonly string[], features: Features, terminal = false): Promise<void> {
  const [lane] = lanes;
  assert.ok(lane !== undefined);
  // What the first one makes for all that follow (a volume's content, a directory) is no trace of a fault.
  await Promise.all(lanes.map((one) => one.host.ok('run', '--rm', ...features(one), 'busybox', 'true')));
  const run = runWith(flags, features, terminal);
  const explained = await stepsOf(lane, [
    ...flags.filter((flag) => flag !== '-it'),
    ...(terminal ? ['-t'] : []),
    ...features(lane),
  ]);
  const steps = explained.map((step) => ({ ...step, args: relative(step.args, lane) }));
  assert.ok(steps.length > 100, 'every feature has its steps');
  await walk({ steps, attempt: async (at, fault) => anonymous(await run(at, fault), at) });
  const result = await run(lane, String(steps.length + 1));
  assert.equal(result.code, 0, `no step after the last of explain: ${result.stdout}${result.stderr}`);
  if (!flags.includes('--rm')) await lane.host.ok('rm', '-f', 'bird');
}

/** Lanes differ in their directories only. */
function relative(args: Record<string, unknown>, lane: Lane): Record<string, unknown> {
  return JSON.parse(
    JSON.stringify(args).replaceAll(lane.host.root, '<root>').replaceAll(lane.data, '<data>'),
  ) as Record<string, unknown>;
}

function anonymous(result: Result, lane: Lane): Result {
  const plain = (text: string) => text.replaceAll(lane.host.root, '<root>').replaceAll(lane.data, '<data>');
  return { code: result.code, stdout: plain(result.stdout), stderr: plain(result.stderr) };
}
