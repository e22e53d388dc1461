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

/**
 * `--format`: "json", "table TEMPLATE" or a template; one line a row. An empty text for no rows. `headings`: those of a
 * table that do not follow from the field's name.
 */
export function formatRows(
  format: string,
  rows: readonly Row[],
  headings: Readonly<Record<string, string>> = {},
): string {
  if (format === 'json') return rows.map((row) => JSON.stringify(row.fields)).join('\n');
  const isTable = /^table\s/.test(format);
  const template = parseTemplate(isTable ? format.replace(/^table\s+/, '') : format);
  const lines = rows.map((row) => template.render(row.fields, row.labels));
  if (!isTable) return lines.join('\n');
  const head = template.replace((field) => headings[field] ?? heading(field));
  return table([head, ...lines].map((line) => line.split('\t')));
}
