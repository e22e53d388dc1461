/** Words for a start that failed: loaded only then. */
export { outputError, stepError } from '../shim/index.ts';
