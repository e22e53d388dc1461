/**
 * The words of a command line for main(). Called by a name that ends in "mydocker-oci", the program is an OCI runtime:
 * containerd, dockerd and podman give it runc's command line, with no word before it.
 */
export function wordsFor(calledAs: string, words: readonly string[]): readonly string[] {
  return calledAs.slice(calledAs.lastIndexOf('/') + 1) === 'mydocker-oci' ? ['oci', ...words] : words;
}
