export { errnoName, errnoNumber, errnoWords } from './errno.ts';
export { badInput, type ErrorFacts, EXIT, errnoOf, excerpt, MydockerError, programRan } from './errors.ts';
export { NEW_OR_EMPTY, writeAtomic, writeWhole } from './files.ts';
export { builtin, late, randomBelow, randomHex, sleep } from './host.ts';
export { parseIp } from './ip.ts';
export { namePattern } from './pattern.ts';
export { SIGNALS, signalOf } from './signals.ts';
