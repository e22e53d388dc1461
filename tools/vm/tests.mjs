/** The tests that run once more in a guest with cgroup v2: what depends on cgroups, and what isolates. */
import { existsSync } from 'node:fs';
import { CHECKOUT } from './checkout.mjs';
import { runInGuest } from './guest.mjs';

const FILES = [
  ...['attacks', 'cgroup-v2', 'devices', 'exec', 'limit-flags', 'limits', 'oci-cgroup', 'pause', 'security'],
  ...['stats', 'stop', 'update', 'escapes', 'exhaustion', 'limit-errors', 'isolation-faults', 'namespaces'],
  ...[
    'users',
    'settings',
    'mounts',
    'rootfs',
    'never',
    'volumes',
    'privacy',
    'oci',
    'oci-config',
    'oci-errors',
  ],
  ...['oci-faults', 'oci-flags', 'oci-hooks', 'oci-linux', 'oci-namespaces'],
];
/** A processor in software is so many times slower; time-outs grow by it (test/e2e/harness.ts). */
const SLOWNESS = 20;
const LIMIT_MS = 45 * 60_000;

/** Runs them with Node's test runner; what that prints goes to `output`. Its exit code, or 1 when the guest fell over. */
export async function vmTests(runner, output) {
  const files = FILES.map((name) => `build/test/e2e/${name}.test.js`);
  const missing = files.filter((file) => !existsSync(file));
  if (missing.length > 0) throw new Error(`no such test: ${missing.join(', ')}`);
  try {
    return await runInGuest([process.execPath, ...runner(files)], {
      checkout: CHECKOUT,
      env: { MYDOCKER_TEST_SLOWNESS: SLOWNESS },
      limitMs: LIMIT_MS,
      onStdout: (data) => output.write(data),
      onStderr: (data) => process.stderr.write(data),
    });
  } catch (error) {
    process.stderr.write(`vm: ${error.message}\n`);
    return 1;
  }
}
