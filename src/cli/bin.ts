#!/usr/bin/env node
import { wordsFor } from './called-as.ts';
import { main } from './main.ts';

// Not a top-level await: Bun's bytecode needs a script without one.
main(wordsFor(process.argv[1] ?? '', process.argv.slice(2))).then((code) => process.exit(code));
