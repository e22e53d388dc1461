/** What pull and push show: a line a layer on a terminal, redrawn; plain lines elsewhere; nothing with -q. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from './harness.ts';
import { Terminal } from './live.ts';
import { digestOf, layerOf, Publisher } from './publish.ts';
import { busyboxFiles, PullHost } from './pulls.ts';
import { Registry } from './registry.ts';
import { screenOf } from './screen.ts';

const registry = await Registry.start();
const network = createServer(pass);
await new Promise<void>((resolve) => network.listen(0, '127.0.0.1', resolve));
after(() => {
  network.close().closeAllConnections();
  return registry.stop();
});
const layers = [
  layerOf(busyboxFiles()),
  layerOf({ a: randomBytes(1_500_000) }),
  layerOf({ b: randomBytes(900_000) }),
];
const ids = layers.map(({ blob }) => digestOf(blob).slice(7, 19));
await new Publisher(registry.host).publish('app', 'v1', { layers });
const name = `127.0.0.1:${(network.address() as AddressInfo).port}/app:v1`;
/** What comes of a layer's bytes has been seen: before that its last ones do not come. */
let isSeen = (_id: string): boolean => true;

/** Hands requests on to the registry; blobs come slowly, so that there is something to be seen of them. */
function pass({ method = 'GET', url = '/', headers }: IncomingMessage, outgoing: ServerResponse): void {
  const id = /\/blobs\/sha256:([0-9a-f]{12})/.exec(url)?.[1];
  const isLayer = id !== undefined && ids.includes(id);
  const answered = async (answer: IncomingMessage): Promise<void> => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    let kept: Buffer | undefined;
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      if (kept !== undefined) outgoing.write(kept);
      kept = chunk;
      if (isLayer) await sleep(30);
    }
    if (isLayer) await until(`${id} is seen`, () => isSeen(id)).catch(() => undefined);
    outgoing.end(kept);
  };
  const sent = { ...headers, host: registry.host };
  request(
    `http://${registry.host}${url}`,
    { method, headers: sent },
    (answer) => void answered(answer),
  ).end();
}

const terminalOf = (host: PullHost, script: string): Terminal => {
  const settings = Object.entries(host.settings()).map(([key, value]) => `export ${key}='${value}'`);
  return new Terminal(host, [...settings, script].join('\n'));
};

/** What was sent to a terminal, and what it shows at the end. */
async function atEnd(terminal: Terminal): Promise<{ sent: string; lines: string[] }> {
  assert.equal(await terminal.ends(), 0, terminal.screen);
  const lines = screenOf(terminal.screen).filter((line) => line !== '');
  return { sent: terminal.screen, lines };
}

const inTerminal = (host: PullHost, script: string) => atEnd(terminalOf(host, script));

const BAR = '\\[=+\\]';
const downloading = (id: string) => new RegExp(`${id}: Downloading +\\[=* *\\] [\\d.]+[kM]?B/[\\d.]+[kM]B`);

test('pull in a terminal: one line a layer, redrawn until it is complete, then the result', async () => {
  const terminal = terminalOf(new PullHost(), `mydocker pull ${name}`);
  // Lines are drawn some times a second, by a program that may have to wait for the processor.
  isSeen = (id) => downloading(id).test(terminal.screen);
  const { sent, lines } = await atEnd(terminal);
  isSeen = () => true;
  assert.equal(lines.length, ids.length + 3, lines.join('\n'));
  for (const [i, line] of lines.slice(0, ids.length).entries())
    assert.match(line, new RegExp(`^${ids[i]}: Pull complete +${BAR}`));
  assert.match(lines[ids.length] ?? '', /^Digest: sha256:/);
  assert.equal(lines.at(-1), name);
  for (const id of ids) assert.match(sent, downloading(id));
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
