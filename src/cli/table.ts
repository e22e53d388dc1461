import { oneLine } from './out.ts';

const GAP = 3;

/** East Asian wide and emoji ranges; good enough to line columns up. Unicode UAX #11. */
function isWide(code: number): boolean {
  return (
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0xffe0 && code <= 0xffe6) ||
    (code >= 0x1f300 && code <= 0x1faff) ||
    (code >= 0x20000 && code <= 0x3fffd)
  );
}

/** Most of what is shown: one column a character. */
const PLAIN = /^[\x20-\x7e]*$/;

/** Columns a text takes on a terminal. */
export function textWidth(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const char of text) {
    if (/\p{M}|\u200d/u.test(char)) continue;
    width += isWide(char.codePointAt(0) ?? 0) ? 2 : 1;
  }
  return width;
}

/** At most `width` characters, the last one "…" where something was cut. */
export function cut(text: string, width: number): string {
  if (text.length <= width) return text;
  const chars = Array.from(text);
  return chars.length <= width ? text : `${chars.slice(0, width - 1).join('')}…`;
}

/** Rows as aligned columns, without a trailing newline. Control characters in cells are shown, not sent. */
export function table(rows: ReadonlyArray<readonly string[]>): string {
  const clean = rows.map((row) => row.map(oneLine));
  const widths: number[] = [];
  for (const row of clean) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, textWidth(cell));
  }
  const pad = (cell: string, i: number): string =>
    cell + ' '.repeat((widths[i] ?? 0) - textWidth(cell) + GAP);
  return clean.map((row) => row.map(pad).join('').trimEnd()).join('\n');
}
