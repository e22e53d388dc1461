// A container's life. `await using` (here spelled out, for Node 20) removes it however the block ends.
import { Engine } from 'mydocker';

const engine = new Engine();
const bird = await engine.containers.create({
  image: 'busybox',
  command: ['sh', '-c', 'trap "echo bye; exit 0" TERM; echo ready; while :; do sleep 0.1; done'],
});
try {
  await bird.start();
  for await (const entry of bird.logs({ follow: true })) {
    console.log(`${entry.stream}: ${entry.text.trim()}`);
    if (entry.text === 'ready\n') break;
  }
  const { stdout } = await bird.exec(['hostname']);
  console.log('its short id is its host name:', bird.id.startsWith(stdout.text.trim()));
  await bird.stop();
  const { status, exitCode } = await bird.inspect();
  console.log({ status, exitCode });
} finally {
  await bird[Symbol.asyncDispose]();
}
