/** What of the built checkout goes into the guest. */
export const CHECKOUT = [
  'package.json',
  'dist/mydocker',
  'dist/assets',
  'build',
  'native',
  'node_modules/tar-stream',
];
