/**
 * template-check ROOT: for containers of many specs, is the plan put together from kept pieces the plan, byte for byte? Prints
 * how many were compared. In the network namespace of its test, where the bridges of ROOT are up.
 */
import assert from 'node:assert/strict';
import { Core } from '../../src/engine/core.ts';
import { createContainer } from '../../src/engine/create.ts';
import { imageFor } from '../../src/engine/images.ts';
import { launchPlan } from '../../src/engine/launch-plan.ts';
import { encodeByTemplate } from '../../src/engine/launch-template.ts';
import { prepareSpec } from '../../src/engine/prepare.ts';
import { discardContainer } from '../../src/engine/remove.ts';
import type { ContainerSpec } from '../../src/engine/types.ts';
import { encodeLaunch } from '../../src/shim/index.ts';
import { type ContainerRecord, readWiring } from '../../src/storage/index.ts';

const core = new Core({ root: process.argv[2] ?? '' });
core.prepare();
const image = await imageFor(core, 'busybox');
let count = 0;

const SPECS: Array<[what: string, spec: Partial<ContainerSpec>]> = [
  ['plain', {}],
  ['another command', { command: ['sh', '-c', 'echo 0123456789ab; exit 7'], init: true }],
  ['environment, directory, user', { env: ['A=b', 'HOSTNAME=mine'], workdir: '/tmp', user: '65534:65534' }],
  ['a host name', { hostname: 'nest', name: 'magpie' }],
  ['limits', { resources: { memoryBytes: 64 * 2 ** 20, cpuQuotaUs: 50_000, pidsLimit: 20 } }],
  ['other limits', { resources: { memoryBytes: 65 * 2 ** 20 } }],
  ['read-only, other capabilities', { readOnly: true, capDrop: ['ALL'], noNewPrivileges: true }],
  ['no filter', { seccomp: 'unconfined' }],
  ['standard input, labels', { stdin: true, labels: { a: 'b' } }],
  ['names', { dns: ['192.0.2.1'], extraHosts: ['a:192.0.2.2'] }],
  ['no network', { network: 'none' }],
  ['the host’s network', { network: 'host' }],
  ['a user network, with an alias', { networks: [{ name: 'front', aliases: ['bird'] }] }],
  ['two networks', { networks: [{ name: 'front' }, { name: 'six' }] }],
];

/** What is not made of its record and the host alone. */
const OTHERS: Array<Partial<ContainerSpec>> = [
  { tty: true },
  { mounts: [{ type: 'tmpfs', target: '/mnt', readOnly: false }] },
  { privileged: true },
  { egress: ['none'] },
  { autoRemove: false },
];

async function withContainer(
  more: Partial<ContainerSpec>,
  work: (record: ContainerRecord) => Promise<void>,
): Promise<void> {
  const spec: ContainerSpec = { image: 'busybox', command: ['true'], autoRemove: true, ...more };
  const prepared = await prepareSpec(core, spec, image);
  const { record } = await createContainer(core, spec, image, prepared, true);
  await work(record);
  await discardContainer(core, record.id, record.name);
}

const check = (what: string, more: Partial<ContainerSpec>): Promise<void> =>
  withContainer(more, async (record) => {
    const wiring = readWiring(core.paths, record.id);
    const made = await encodeByTemplate(core, record, wiring);
    assert.ok(made !== undefined, `${what}: there is a template`);
    const plan = await launchPlan(core, record, 'inherit', undefined, wiring);
    const whole = encodeLaunch(plan, { detach: false, fault: undefined });
    assert.ok(made.bytes.equals(whole), `${what}: other bytes than the whole plan`);
    assert.deepEqual(made.plan().steps, plan.steps, what);
    count++;
  });

for (let round = 0; round < 2; round++) for (const [what, more] of SPECS) await check(what, more);
for (const [what, more] of [...SPECS].reverse()) await check(what, more);
for (const more of OTHERS)
  await withContainer(more, async (record) => {
    const made = await encodeByTemplate(core, record, readWiring(core.paths, record.id));
    assert.equal(made, undefined, JSON.stringify(more));
    count++;
  });
console.log(count);
