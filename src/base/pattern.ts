/** A filter by name, as Docker has it: a regular expression, found anywhere; "^web$" is exactly that one. */
export function namePattern(value: string): (name: string) => boolean {
  try {
    const pattern = new RegExp(value);
    return (name) => pattern.test(name);
  } catch {
    return (name) => name.includes(value);
  }
}
