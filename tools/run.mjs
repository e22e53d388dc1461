/** Runs a TypeScript file of this project: compiled to build/ first, then executed by this Node. */
import { spawnSync } from 'node:child_process';

const [file, ...args] = process.argv.slice(2);
const tsc = spawnSync('node_modules/.bin/tsc', ['-p', '.'], { stdio: 'inherit' });
if (tsc.status !== 0) process.exit(tsc.status ?? 1);
const script = `build/${file.replace(/\.ts$/, '.js')}`;
process.exit(spawnSync(process.execPath, [script, ...args], { stdio: 'inherit' }).status ?? 1);
