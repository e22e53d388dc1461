/** What pull and push show: a line a layer on a terminal, redrawn; plain lines elsewhere; nothing with -q. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, test } from 'node:test';
import { BadNetwork } from './bad-network.ts';
import { Terminal } from './live.ts';
import { digestOf, layerOf, Publisher } from './publish.ts';
import { busyboxFiles, PullHost } from './pulls.ts';
import { Registry } from './registry.ts';
import { screenOf } from './screen.ts';

const registry = await Registry.start();
const network = await BadNetwork.before(registry.host);
after(() => Promise.all([registry.stop(), network.stop()]));
const layers = [
  layerOf(busyboxFiles()),
  layerOf({ a: randomBytes(1_500_000) }),
  layerOf({ b: randomBytes(900_000) }),
];
const ids = layers.map(({ blob }) => digestOf(blob).slice(7, 19));
await new Publisher(registry.host).publish('app', 'v1', { layers });
const name = `${network.host}/app:v1`;
// So that there is something to be seen of them.
network.fault = (method, path) =>
  method === 'GET' && path.includes('/blobs/') ? { kind: 'slow', bytes: 200_000, pauseMs: 30 } : undefined;

/** The script in a terminal; what was sent to it, and what it shows at the end. */
async function inTerminal(host: PullHost, script: string): Promise<{ sent: string; lines: string[] }> {
  const settings = Object.entries(host.settings()).map(([key, value]) => `export ${key}='${value}'`);
  const terminal = new Terminal(host, [...settings, script].join('\n'));
  assert.equal(await terminal.ends(), 0, terminal.screen);
  const lines = screenOf(terminal.screen).filter((line) => line !== '');
  return { sent: terminal.screen, lines };
}

const BAR = '\\[=+\\]';

test('pull in a terminal: one line a layer, redrawn until it is complete, then the result', async () => {
  const { sent, lines } = await inTerminal(new PullHost(), `mydocker pull ${name}`);
  assert.equal(lines.length, ids.length + 3, lines.join('\n'));
  for (const [i, line] of lines.slice(0, ids.length).entries())
    assert.match(line, new RegExp(`^${ids[i]}: Pull complete +${BAR}`));
  assert.match(lines[ids.length] ?? '', /^Digest: sha256:/);
  assert.equal(lines.at(-1), name);
  for (const id of ids)
    assert.match(sent, new RegExp(`${id}: Downloading +\\[=* *\\] [\\d.]+[kM]?B/[\\d.]+[kM]B`));
  assert.ok(sent.includes('\x1b['), 'lines were redrawn');
  assert.ok(sent.lastIndexOf('\x1b[?25h') > sent.lastIndexOf('\x1b[?25l'), 'the cursor is shown again');
});

test('run in a terminal shows the pull, then what the program prints', async () => {
  const script = `mydocker run --rm ${name} /bin/busybox echo 'from the program' 2>&1 | cat`;
  const piped = await inTerminal(new PullHost(), script);
  assert.equal(piped.lines.at(-1), 'from the program');
  const { lines } = await inTerminal(
    new PullHost(),
    `mydocker run --rm ${name} /bin/busybox echo 'from the program'`,
  );
  assert.equal(lines.filter((line) => /Pull complete/.test(line)).length, ids.length, lines.join('\n'));
  assert.equal(lines.at(-1), 'from the program');
});

test('elsewhere: a plain line when a layer begins and one when it is complete, and no control character', async () => {
  const host = new PullHost();
  const { code, stderr } = await host.run(['pull', name]);
  assert.equal(code, 0, stderr);
  const expected = ids.flatMap((id) => [`${id}: Downloading`, `${id}: Pull complete`]);
  assert.deepEqual(stderr.trimEnd().split('\n').sort(), expected.sort());
  await host.ok('tag', name, `${registry.host}/copy:v1`);
  const pushed = await host.run(['push', `${registry.host}/copy:v1`]);
  assert.doesNotMatch(pushed.stderr, /[\x00-\x09\x0b-\x1f]/);
  const sent = ids.flatMap((id) => [`${id}: Pushing`, `${id}: Pushed`]);
  assert.deepEqual(pushed.stderr.trimEnd().split('\n').sort(), sent.sort());
});

test('push in a terminal: one line a layer', async () => {
  const host = new PullHost();
  await host.ok('pull', '-q', name);
  const target = await Registry.start();
  after(() => target.stop());
  await host.ok('tag', name, `${target.host}/app:v1`);
  const { lines } = await inTerminal(host, `mydocker push ${target.host}/app:v1`);
  assert.equal(lines.length, ids.length + 1, lines.join('\n'));
  const bars = lines.slice(0, -1).map((line) => new RegExp(`^(\\w{12}): Pushed +${BAR}`).exec(line)?.[1]);
  assert.deepEqual(bars.sort(), [...ids].sort());
  assert.match(lines.at(-1) ?? '', /^v1: digest: sha256:/);
});

test('-q in a terminal: the name, and nothing else', async () => {
  const { sent } = await inTerminal(new PullHost(), `mydocker pull -q ${name}`);
  assert.equal(sent, `${name}\r\n`);
});
