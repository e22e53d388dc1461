import { EncodedPlan, encodeSteps, type Plan } from '../plan/index.ts';
import {
  type CgroupV1Facts,
  FIXED_PARTS,
  type FixedPart,
  type FreshPart,
  fixedParts,
  freshParts,
  LAUNCH_PARTS,
  type LaunchInput,
  planLaunch,
} from '../runtime/index.ts';
import type { ContainerRecord, Wiring } from '../storage/index.ts';
import type { Core } from './core.ts';
import { isWired } from './joined.ts';
import { freshInput, launchInput } from './launch-plan.ts';

/*
 * A program that runs one container after the other mostly runs the same image with the same limits, and nine tenths of
 * their plans differ in nothing but the id. Those steps are kept as the bytes they were encoded to; a start puts its own id
 * in, and makes the rest: docs/adr/0050-made-beforehand.md. launch-template.test.ts: the bytes are those of launchPlan().
 */

/** Encoded steps with the id of the container they were made for, one character a byte. */
interface Kept {
  id: string;
  parts: Record<FixedPart, { text: string; count: number }>;
}

const MOST = 32;
const templates = new Map<string, Kept>();
const SHORT_ID = 12;

/** What those steps follow from; undefined for a container that is not made of its record and the host alone. */
function keyOf(core: Core, record: ContainerRecord, facts: CgroupV1Facts): string | undefined {
  const { tty, mounts, isolation, egress, network, autoRemove, startingOwner } = record;
  const isAlone = isWired(network) || network === 'none' || network === 'host';
  const isPlain = !tty && mounts.length === 0 && isolation === undefined && egress === undefined;
  if (!isPlain || !isAlone || !autoRemove || startingOwner === undefined) return undefined;
  const {
    id,
    name: _name,
    createdAtMs: _at,
    startingOwner: _owner,
    labels: _labels,
    image: _image,
    ...rest
  } = record;
  const { entrypoint: _entry, cmd: _cmd, env: _env, init: _init, ...fixed } = rest;
  const { cpus, mems, cpusetEmpty, hasMemsw } = facts;
  return JSON.stringify([core.root, fixed, cpus, mems, cpusetEmpty, hasMemsw])
    .replaceAll(id, '')
    .replaceAll(id.slice(0, SHORT_ID), '');
}

const isFixed = (part: FixedPart | FreshPart): part is FixedPart => FIXED_PARTS.some((one) => one === part);

const withId = (text: string, from: string, to: string): string =>
  text.replaceAll(from, to).replaceAll(from.slice(0, SHORT_ID), to.slice(0, SHORT_ID));

/** An encoded plan, and what it is made of, for whoever must tell which step failed. */
export interface EncodedLaunch {
  bytes: Buffer;
  plan(): Plan;
}

/** The launch of a container that shares its caller's streams; undefined where keyOf() has nothing to go by. */
export async function encodeByTemplate(
  core: Core,
  record: ContainerRecord,
  wiring: Wiring | undefined,
): Promise<EncodedLaunch | undefined> {
  const facts = core.cgroupFacts();
  const key = keyOf(core, record, facts);
  if (key === undefined) return undefined;
  const fresh = await freshInput(core, record, wiring);
  // The host may be another one when somebody asks: what a failed start made for all containers stays.
  const whole = (): LaunchInput => ({ ...launchInput(core, record, 'inherit', fresh), cgroupFacts: facts });
  let kept = templates.get(key);
  if (kept === undefined) {
    const fixed = fixedParts(whole());
    const partOf = (part: FixedPart): [FixedPart, Kept['parts'][FixedPart]] => [
      part,
      { text: encodeSteps(fixed[part]), count: fixed[part].length },
    ];
    kept = { id: record.id, parts: Object.fromEntries(FIXED_PARTS.map(partOf)) as Kept['parts'] };
    if (templates.size === MOST) templates.clear();
    templates.set(key, kept);
  }
  const own = freshParts(fresh);
  const out = new EncodedPlan(core.fault);
  for (const part of LAUNCH_PARTS) {
    if (isFixed(part))
      out.addEncoded(withId(kept.parts[part].text, kept.id, record.id), kept.parts[part].count);
    else out.add(own[part]);
  }
  return {
    bytes: out.done(),
    plan: () => planLaunch(whole()),
  };
}
