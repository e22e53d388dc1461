import type { OciRuntime } from '../../oci/index.ts';
import type { Context } from '../spec.ts';

/** The OCI runtime of a command below `oci`. */
export function runtimeOf(context: Context): OciRuntime {
  if (context.oci === undefined) throw new Error('this command runs below "mydocker oci" only');
  return context.oci;
}
