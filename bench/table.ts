/** Tables for a terminal and for markdown. Numbers line up on the right. */

const NUMERIC = /^\d[\d.]*(?: (?:ms|kB|±[\d.]+))?$/;

type Table = ReadonlyArray<readonly string[]>;

interface Column {
  width: number;
  right: boolean;
}

function columnsOf(table: Table): Column[] {
  return (table[0] ?? []).map((_, i) => {
    const cells = table.map((row) => row[i] ?? '');
    return {
      width: Math.max(...cells.map((cell) => cell.length)),
      right: cells.some((cell) => NUMERIC.test(cell)),
    };
  });
}

function pad(row: readonly string[], columns: readonly Column[]): string[] {
  return columns.map(({ width, right }, i) =>
    right ? (row[i] ?? '').padStart(width) : (row[i] ?? '').padEnd(width),
  );
}

export function textTable(head: readonly string[], rows: Table): string {
  const all = [head, ...rows];
  const columns = columnsOf(all);
  return all.map((row) => pad(row, columns).join('  ').trimEnd()).join('\n');
}

export function markdownTable(head: readonly string[], rows: Table): string {
  const all = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const columns = columnsOf(all).map(({ width, right }) => ({ width: Math.max(3, width), right }));
  const lines = all.map((row) => `| ${pad(row, columns).join(' | ')} |`);
  const rule = columns.map(({ width, right }) => (right ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width)));
  lines.splice(1, 0, `| ${rule.join(' | ')} |`);
  return lines.join('\n');
}
