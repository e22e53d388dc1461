/** What was measured, and how it compares. Pure. */

/** One tool's numbers in one measurement. */
export interface Series {
  tool: string;
  samples: number[];
  /** Why there are none, in the tool's own words. */
  failure?: string;
  /** It does not take part at all: "not installed", "cannot run here". */
  absent?: string;
}

/** What ours is asked to be at most: a share of another tool's, or an absolute number in the row's unit. */
export type Target = { against: string; factor: number; words: string } | { limit: number; words: string };

export interface Measurement {
  title: string;
  unit: 'ms' | 'kB';
  /** Ours first; a second one of ours (Node and Bun) follows it. */
  series: Series[];
  /** How many of `series` are ours. */
  ours: number;
  targets: readonly Target[];
  /** What a reader must know about the numbers. */
  note?: string;
}

/** The middle value; NaN for none. */
export function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return low === undefined || high === undefined ? Number.NaN : (low + high) / 2;
}

/**
 * How far the median may be off, as a share of it: twice its standard error, 1.253 σ/√n for a normal distribution, with
 * σ from the middle half of the samples, so that one that was disturbed does not decide. 0 for one sample.
 */
export function uncertainty(samples: readonly number[]): number {
  if (samples.length < 2) return 0;
  const sorted = [...samples].sort((a, b) => a - b);
  const half = Math.ceil(sorted.length / 2);
  const sigma = (median(sorted.slice(-half)) - median(sorted.slice(0, half))) / 1.349;
  return (2 * 1.253 * sigma) / Math.sqrt(samples.length) / median(samples);
}

/** "5.23", "48.1", "312": three figures are all that is true of a timing. */
export function figure(value: number): string {
  if (Number.isNaN(value)) return '–';
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

export function failures(measurement: Measurement): string[] {
  return measurement.series.flatMap(({ tool, failure }) =>
    failure === undefined ? [] : [`${measurement.title}: ${tool}: ${failure}`],
  );
}

/** The heads of the rows of compare(). */
export const COMPARISON = ['what', 'ours', 'median', 'against', 'median', 'ratio', 'target', 'met'] as const;

type Row = readonly string[];

function shown(series: Series, unit: string): string {
  if (series.absent !== undefined) return series.absent;
  return series.failure === undefined ? `${figure(median(series.samples))} ${unit}` : 'failed';
}

function against(target: Target, mine: Series, measurement: Measurement): Row {
  const ours = median(mine.samples);
  const head = [measurement.title, mine.tool, shown(mine, measurement.unit)];
  if ('limit' in target) {
    const met = Number.isNaN(ours) ? '–' : ours <= target.limit ? 'yes' : 'no';
    return [...head, 'limit', '', '', target.words, met];
  }
  const other = measurement.series.find((series) => series.tool === target.against);
  if (other === undefined) return [...head, target.against, '–', '', target.words, '–'];
  const ratio = ours / median(other.samples);
  const off = ratio * Math.hypot(uncertainty(mine.samples), uncertainty(other.samples));
  return [
    ...head,
    other.tool,
    shown(other, measurement.unit),
    Number.isNaN(ratio) ? '–' : `${ratio.toFixed(3)} ±${off.toFixed(3)}`,
    target.words,
    verdict(ratio, off, target.factor),
  ];
}

/** "even": asked to be as good as the other, and no difference can be told from the noise. */
function verdict(ratio: number, off: number, factor: number): string {
  if (Number.isNaN(ratio)) return '–';
  if (ratio <= factor) return 'yes';
  return factor === 1 && ratio - off <= 1 ? 'even' : 'no';
}

/** A row for each target and each other tool, for each of ours; what a row repeats of the one above is left out. */
export function compare(measurement: Measurement): string[][] {
  const { series, ours, targets } = measurement;
  const named = new Set(targets.flatMap((target) => ('against' in target ? [target.against] : [])));
  const rest: Target[] = series
    .slice(ours)
    .filter(({ tool }) => !named.has(tool))
    .map(({ tool }) => ({ against: tool, factor: Number.NaN, words: '' }));
  return series.slice(0, ours).flatMap((mine, block) =>
    [...targets, ...rest].map((target, i) => {
      const [title = '', tool = '', value = '', ...others] = against(target, mine, measurement);
      if (target.words === '') others[4] = '';
      return [block + i === 0 ? title : '', i === 0 ? tool : '', i === 0 ? value : '', ...others];
    }),
  );
}

/** Median, least, greatest and count of every series. */
export const SPREAD = ['what', 'tool', 'median', 'least', 'greatest', 'unit', 'rounds'] as const;

export function spread({ title, unit, series }: Measurement): string[][] {
  const measured = series.filter(({ samples }) => samples.length > 0);
  return measured.map(({ tool, samples }, i) => [
    i === 0 ? title : '',
    tool,
    figure(median(samples)),
    figure(Math.min(...samples)),
    figure(Math.max(...samples)),
    unit,
    String(samples.length),
  ]);
}
