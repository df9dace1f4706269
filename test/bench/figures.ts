/**
 * Figures of a benchmark: samples in, a line with quantiles and the promised bound out.
 *
 * @module
 */

/** What was measured, in milliseconds unless `unit` says otherwise. */
export interface Figure {
  readonly what: string;
  readonly samples: readonly number[];
  /** What the 99th percentile may be; absent: nothing is promised. */
  readonly bound?: number;
  readonly unit?: string;
  /** How it was measured, where that matters. */
  readonly note?: string;
}

/** The smallest sample that so large a part of all samples does not exceed. */
export function quantile(samples: readonly number[], part: number): number {
  const sorted = [...samples].sort((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN;
}

/** Whether a figure keeps its bound; nothing measured keeps none. */
export function isKept({ samples, bound }: Figure): boolean {
  return bound === undefined || (samples.length > 0 && quantile(samples, 0.99) <= bound);
}

/** One line for people. */
export function formatFigure(figure: Figure): string {
  const { what, samples, bound, unit = "ms", note } = figure;
  const at = (part: number) => quantile(samples, part).toFixed(1).padStart(8);
  const numbers =
    samples.length === 0
      ? "not measured"
      : `p50 ${at(0.5)}  p99 ${at(0.99)}  max ${at(1)} ${unit}  n=${samples.length}`;
  const promise =
    bound === undefined ? "" : `  bound ${bound}: ${isKept(figure) ? "ok" : "MISSED"}`;
  return `${what.padEnd(44)} ${numbers}${promise}${note === undefined ? "" : `  (${note})`}`;
}
