/** IP addresses as text: one reading of them for all rooms. */

function parse4(text: string): Buffer | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  const numbers = match.slice(1).map(Number);
  // "010" is 8 to some programs and 10 to others.
  if (numbers.some((n) => n > 255) || match.slice(1).some((part) => /^0\d/.test(part))) return undefined;
  return Buffer.from(numbers);
}

function groups(text: string): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const tail = parts.at(-1)?.includes('.') === true ? parse4(parts.pop() ?? '') : NONE;
  if (tail === undefined || parts.some((part) => !/^[0-9a-fA-F]{1,4}$/.test(part))) return undefined;
  const numbers = parts.map((part) => Number.parseInt(part, 16));
  if (tail.length === 4) numbers.push(tail.readUInt16BE(0), tail.readUInt16BE(2));
  return numbers;
}
const NONE = Buffer.alloc(0);

function parse6(text: string): Buffer | undefined {
  const halves = text.split('::');
  if (halves.length > 2 || !text.includes(':')) return undefined;
  const head = groups(halves[0] ?? '');
  const tail = halves.length === 2 ? groups(halves[1] ?? '') : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const out = Buffer.alloc(16);
  [...head, ...Array.from({ length: missing }, () => 0), ...tail].forEach((group, i) => {
    out.writeUInt16BE(group, i * 2);
  });
  return out;
}

/** The bytes of an address; undefined when the text is none. */
export function parseIp(text: string): Buffer | undefined {
  return text.includes(':') ? parse6(text) : parse4(text);
}
