/** One challenge of a WWW-Authenticate header: RFC 9110 § 11.6.1. */
export interface Challenge {
  /** Lower case: "bearer", "basic". */
  scheme: string;
  /** Lower-case names. */
  parameters: Readonly<Record<string, string>>;
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const PARAMETER = new RegExp(`^(${TOKEN})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${TOKEN}))`);
const SCHEME = new RegExp(`^(${TOKEN})(?=\\s|,|$)`);

/** The challenges of a header, in order; what cannot be read ends the list. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: Array<{ scheme: string; parameters: Record<string, string> }> = [];
  for (let rest = header; ; ) {
    rest = rest.replace(/^[\s,]+/, '');
    if (rest === '') return challenges;
    const parameter = PARAMETER.exec(rest);
    const last = challenges.at(-1);
    if (parameter !== null && last !== undefined) {
      const [whole, name = '', quoted, plain] = parameter;
      last.parameters[name.toLowerCase()] =
        quoted === undefined ? (plain ?? '') : quoted.replace(/\\(.)/g, '$1');
      rest = rest.slice(whole.length);
      continue;
    }
    const [scheme] = SCHEME.exec(rest) ?? [];
    if (scheme === undefined) return challenges;
    challenges.push({
      scheme: scheme.toLowerCase(),
      parameters: Object.create(null) as Record<string, string>,
    });
    rest = rest.slice(scheme.length);
  }
}
