// Code you do not trust: little memory, half a core, few processes, nothing to write to, no network, a time-out.
import { Engine } from 'mydocker';

const engine = new Engine();
const cage = {
  network: 'none',
  resources: { memoryBytes: 64 * 1024 ** 2, cpuQuotaUs: 50_000, pidsLimit: 20 },
  readOnly: true,
  user: 'nobody',
  mounts: [{ type: 'tmpfs', target: '/tmp', readOnly: false, sizeBytes: 8 * 1024 ** 2 }],
};

const script =
  'read name; echo "hello $name from uid $(id -u)"; echo x >/etc/x || echo "no writing there"; echo "networks: $(ls /sys/class/net)"';
const { stdout } = await engine.run('busybox', ['sh', '-c', script], { ...cage, input: 'world\n' });
console.log(stdout.text.trim());

try {
  await engine.run('busybox', ['sleep', '60'], { ...cage, signal: AbortSignal.timeout(300) });
} catch (error) {
  console.log('stopped:', error.name);
}
