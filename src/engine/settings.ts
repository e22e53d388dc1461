import { readFileSync } from 'node:fs';
import { badInput, errnoOf } from '../base/index.ts';
import type { Core } from './core.ts';

/** What the configuration file may hold. Read when it is needed, not at every start. */
export interface Settings {
  /** Where subnets of new networks come from: "10.208.0.0/12". */
  addressPool?: string;
}

const KNOWN = ['addressPool'] as const;

function wrong(core: Core, why: string): Error {
  return badInput(`the configuration file ${core.configFile} ${why}`, {
    subject: core.configFile,
    remedy: `it holds for example: { "addressPool": "10.208.0.0/12" }`,
  });
}

/** The configuration file; empty when there is none. Throws BAD_INPUT. */
export function settingsOf(core: Core): Settings {
  let text: string;
  try {
    text = readFileSync(core.configFile, 'utf8');
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT') return {};
    if (errno === undefined) throw error;
    throw wrong(core, `cannot be read: ${errno}`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) throw wrong(core, 'is no JSON');
    throw error;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong(core, 'holds no object');
  for (const [name, one] of Object.entries(value)) {
    if (!(KNOWN as readonly string[]).includes(name)) throw wrong(core, `has an unknown setting "${name}"`);
    if (typeof one !== 'string') throw wrong(core, `has a ${name} that is no text`);
  }
  return value as Settings;
}
