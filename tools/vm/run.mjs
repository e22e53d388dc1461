/** One command in a throw-away guest with cgroup v2: node tools/vm/run.mjs COMMAND [ARG…]. Its exit code is ours. */
import { CHECKOUT } from './checkout.mjs';
import { runInGuest } from './guest.mjs';

const argv = process.argv.slice(2);
if (argv.length === 0) {
  process.stderr.write('usage: node tools/vm/run.mjs COMMAND [ARG…], in the checkout, as root\n');
  process.exit(2);
}
process.exitCode = await runInGuest(argv, {
  checkout: CHECKOUT,
  limitMs: 30 * 60_000,
  onStdout: (data) => process.stdout.write(data),
  onStderr: (data) => process.stderr.write(data),
});
