import { MydockerError } from '../base/index.ts';

/** The error for a tar that cannot become a layer. `why` is one clause. */
export function badLayer(why: string, cause?: unknown): MydockerError {
  return new MydockerError('BAD_LAYER', `cannot unpack the archive: ${why}`, {
    remedy: 'make it again with "tar -cf FILE.tar -C DIRECTORY ."',
    cause,
  });
}

/** For an archive that ends too early. */
export function cutShort(cause?: unknown): MydockerError {
  return badLayer('it ends in the middle of an entry', cause);
}
