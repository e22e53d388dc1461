import { table } from './table.ts';
import { parseTemplate } from './template.ts';

/** One row for `--format`: Docker's field names, and the labels for {{.Label "k"}}. */
export interface Row {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly labels?: Readonly<Record<string, string>>;
}

/** "ImageID" -> "IMAGE ID". */
function heading(field: string): string {
  return field
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .toUpperCase();
}

/** `--format`: "json", "table TEMPLATE" or a template; one line a row. An empty text for no rows. */
export function formatRows(format: string, rows: readonly Row[]): string {
  if (format === 'json') return rows.map((row) => JSON.stringify(row.fields)).join('\n');
  const isTable = /^table\s/.test(format);
  const template = parseTemplate(isTable ? format.replace(/^table\s+/, '') : format);
  const lines = rows.map((row) => template.render(row.fields, row.labels));
  if (!isTable) return lines.join('\n');
  return table([template.replace(heading), ...lines].map((line) => line.split('\t')));
}
