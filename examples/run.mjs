// One call: a program in a fresh container, its exit code and its output. Run: node examples/run.mjs
import { Engine } from 'mydocker';

const engine = new Engine();
const { exitCode, stdout, stderr } = await engine.run('busybox', [
  'sh',
  '-c',
  'echo hello; echo oops >&2; exit 3',
]);
console.log({ exitCode, stdout: stdout.text, stderr: stderr.text, bytes: stdout.bytes.length });
