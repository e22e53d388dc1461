// Fifty containers at once, each with its own files, processes and host name.
import { Engine } from 'mydocker';

const engine = new Engine();
await engine.run('busybox', ['true']);
const jobs = Array.from({ length: 50 }, (_, i) =>
  engine.run('busybox', ['sh', '-c', `echo ${i} >/x; cat /x; hostname`]),
);
const results = await Promise.all(jobs);
const hosts = new Set(results.map(({ stdout }) => stdout.text.split('\n')[1]));
console.log(
  `${results.filter(({ exitCode }) => exitCode === 0).length} ended well, ${hosts.size} different host names`,
);
