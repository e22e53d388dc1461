/** What a terminal shows after it was sent a text: the few controls that progress lines use, ECMA-48. */
export function screenOf(text: string): string[] {
  const lines: string[] = [''];
  let [row, column] = [0, 0];
  const put = (char: string): void => {
    while (lines.length <= row) lines.push('');
    const line = (lines[row] ?? '').padEnd(column);
    lines[row] = line.slice(0, column) + char + line.slice(column + 1);
    column++;
  };
  const controls: Record<string, (count: number) => void> = {
    A: (count) => {
      row = Math.max(0, row - (count || 1));
    },
    B: (count) => {
      row += count || 1;
    },
    G: (count) => {
      column = (count || 1) - 1;
    },
    J: () => {
      lines.splice(row + 1);
      lines[row] = (lines[row] ?? '').slice(0, column);
    },
    K: (count) => {
      lines[row] = count === 2 ? '' : (lines[row] ?? '').slice(0, column);
    },
  };
  for (const [part, number, letter] of text.matchAll(/\x1b\[\??(\d*)([A-Za-z])|./gs)) {
    if (letter !== undefined) controls[letter]?.(Number(number));
    else if (part === '\n') row++;
    else if (part === '\r') column = 0;
    else put(part);
  }
  return lines.map((line) => line.trimEnd());
}
