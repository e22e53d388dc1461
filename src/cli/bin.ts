#!/usr/bin/env node
import { main } from './main.ts';

// Not a top-level await: Bun's bytecode needs a script without one.
main(process.argv.slice(2)).then((code) => process.exit(code));
