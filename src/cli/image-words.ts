import { badInput } from '../base/errors.ts';
import { warn } from './out.ts';

/** What the rule asks the store; the engine has both. */
export interface ImageQuestions {
  hasImage(ref: string): boolean;
  defaultImageHas(word: string): boolean;
}

/** The words after the options of `run`: an image and its command, or a command of the default image. */
export function splitImage(
  words: readonly string[],
  store: ImageQuestions,
  defaultImage: string,
): { image: string; command: readonly string[]; note?: string } {
  const [first = '', ...rest] = words;
  if (first === '')
    throw badInput('the name of the image is empty', { remedy: 'see the images with: mydocker images' });
  if (first === defaultImage || store.hasImage(first)) return { image: first, command: rest };
  if (store.defaultImageHas(first)) {
    const note = `no image "${first}": running it as a command of the default image ${defaultImage}`;
    return { image: defaultImage, command: words, note };
  }
  if (/[/:]/.test(first)) {
    throw badInput(`there is no image "${first}"`, {
      subject: first,
      remedy: 'see the images with: mydocker images; make one with: mydocker import FILE NAME',
    });
  }
  throw badInput(`there is no image and no ${defaultImage} command named "${first}"`, {
    subject: first,
    remedy: 'see the images with: mydocker images; make one with: mydocker import FILE NAME',
  });
}

/** The same, saying so on standard error when the default image stepped in. */
export function chooseImage(
  words: readonly string[],
  store: ImageQuestions,
  defaultImage: string,
): { image: string; command?: readonly string[] } {
  const { image, command, note } = splitImage(words, store, defaultImage);
  if (note !== undefined) warn(note);
  return command.length === 0 ? { image } : { image, command };
}
