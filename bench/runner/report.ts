/**
 * The table, for a terminal and for Markdown.
 *
 * @module
 */
import type { Row } from './comparison.js';
import type { ContenderInfo } from './contender.js';
import type { Range } from './statistics.js';

/** What is said of a run beside its rows. */
export interface RunFacts {
  /** Undefined where no browser was needed. */
  readonly browser: string | undefined;
  readonly date: string;
  readonly rounds: number;
  readonly seed: number;
}

const HEADINGS = ['', 'what', 'against', 'ours', 'theirs', 'unit', 'ratio', 'spread', 'target', 'holds'] as const;
/** Columns of figures, set to the right. */
const RIGHT: ReadonlySet<number> = new Set([3, 4, 6]);

/** An aligned table. */
export function textTable(rows: readonly Row[]): string {
  const lines = [HEADINGS, ...rows.map(cells)];
  const widths = HEADINGS.map((_heading, column) => Math.max(...lines.map((line) => (line[column] as string).length)));
  return lines
    .map((line) => line.map((cell, column) => pad(cell, widths[column] as number, RIGHT.has(column))).join('  '))
    .map((line) => line.trimEnd())
    .join('\n');
}

/** A section of Markdown: the facts, the table, and what each contender promises. */
export function markdownReport(rows: readonly Row[], facts: RunFacts, contenders: readonly ContenderInfo[]): string {
  const line = (row: readonly string[]): string => `| ${row.join(' | ')} |`;
  const rule = HEADINGS.map((_heading, column) => (RIGHT.has(column) ? '--:' : '---'));
  return [
    factsText(facts),
    '',
    line(HEADINGS),
    line(rule),
    ...rows.map((row) => line(cells(row))),
    '',
    '| contender | what a commit that has resolved promises |',
    '| --- | --- |',
    ...contenders.map(({ label, promises }) => line([label, promises])),
    '',
  ].join('\n');
}

/** One line about the run. */
export function factsText({ browser, date, rounds, seed }: RunFacts): string {
  return `${browser === undefined ? '' : `${browser}, `}${date}, medians of ${rounds} rounds, seed ${seed}.`;
}

function cells(row: Row): string[] {
  return [
    row.id,
    row.what,
    row.against,
    figure(row.ours),
    figure(row.theirs),
    row.unit,
    figure(row.ratio),
    range(row.spread.ratio),
    row.target?.replace('<=', '≤').replace('>=', '≥') ?? '–',
    row.holds === null ? '–' : row.holds ? 'yes' : 'no',
  ];
}

function range([min, max]: Range): string {
  return `${figure(min)}–${figure(max)}`;
}

function figure(value: number): string {
  if (value >= 1_000) return Math.round(value).toLocaleString('en').replaceAll(',', ' ');
  return value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2);
}

function pad(cell: string, width: number, right: boolean): string {
  return right ? cell.padStart(width) : cell.padEnd(width);
}
