import { badInput } from '../base/errors.ts';
import { warn } from './out.ts';

/** What the rule asks the store; the engine has both. */
export interface ImageQuestions {
  hasImage(ref: string): boolean;
  defaultImageHas(word: string): boolean;
}

/** An image and its command, as the words of `run` mean them. */
export interface ChosenImage {
  image: string;
  command: readonly string[];
  /** What a user should be told. */
  note?: string;
  /** Not in the store: it must be pulled first. */
  isMissing?: boolean;
}

/** A name a registry may have: the whole grammar is the engine's, and it looks again. */
const MAY_BE_PULLED = /^[a-z0-9][\w./:@-]*$/;

/** The words after the options of `run`: an image and its command, or a command of the default image. */
export function splitImage(
  words: readonly string[],
  store: ImageQuestions,
  defaultImage: string,
): ChosenImage {
  const [first = '', ...rest] = words;
  if (first === '')
    throw badInput('the name of the image is empty', { remedy: 'see the images with: mydocker images' });
  if (first === defaultImage || store.hasImage(first)) return { image: first, command: rest };
  if (store.defaultImageHas(first)) {
    const note = `no image "${first}": running it as a command of the default image ${defaultImage}`;
    return { image: defaultImage, command: words, note };
  }
  if (MAY_BE_PULLED.test(first)) return { image: first, command: rest, isMissing: true };
  throw noImage(first, defaultImage);
}

/** The error for a word that is neither an image here nor a command. */
export function noImage(word: string, defaultImage: string, why = ''): Error {
  const what = /[/:]/.test(word)
    ? 'there is no image'
    : `there is no image and no ${defaultImage} command named`;
  return badInput(`${what} "${word}"${why}`, {
    subject: word,
    remedy: 'see the images with: mydocker images; make one with: mydocker import FILE NAME',
  });
}

/** The same, saying so on standard error when the default image stepped in. */
export function chooseImage(
  words: readonly string[],
  store: ImageQuestions,
  defaultImage: string,
): ChosenImage {
  const chosen = splitImage(words, store, defaultImage);
  if (chosen.note !== undefined) warn(chosen.note);
  return chosen;
}

/** The part of a container's spec that the words tell. */
export interface ImageSpec {
  image: string;
  pull: 'never';
  command?: readonly string[];
}

/** See ImageSpec. */
export function imageSpec({ image, command }: ChosenImage): ImageSpec {
  // It is here by now, or was asked not to be fetched.
  return { image, pull: 'never', ...(command.length === 0 ? {} : { command }) };
}
