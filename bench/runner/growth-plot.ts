/**
 * The picture of benchmark B7: two panels over one axis of sizes. Plain SVG, light or dark as whoever looks has it.
 *
 * @module
 */
import { linearScale, logScale } from './plot-scale.js';
import type { Scale } from './plot-scale.js';

/** What was found at one size; each figure is the median over the rounds. */
export interface GrowthPoint {
  readonly events: number;
  readonly commitMsMedian: number;
  readonly commitMsP95: number;
  /** Until the first read. */
  readonly openMs: number;
}

/** A line of a panel, with its name at its right end. */
interface Line {
  readonly name: string;
  readonly style: string;
  readonly values: readonly number[];
}

/** One of the panels, from `top` to `bottom` in the picture. */
interface Panel {
  readonly title: string;
  readonly note: string;
  readonly top: number;
  readonly bottom: number;
  readonly y: Scale;
  readonly lines: readonly Line[];
}

const WIDTH = 780;
const HEIGHT = 616;
const PLOT = { left: 64, right: 640 } as const;
const COMMITS = { top: 112, bottom: 288 } as const;
const OPENING = { top: 372, bottom: 548 } as const;
// Room of a name or of a figure beside a point.
const NAME_GAP = 12;
const FIGURE_GAP = 10;
const STEPS_MAX = 4;
// Above the largest figure, for what is written there.
const HEADROOM = 1.15;

const STYLE = `
  :root { color-scheme: light dark; }
  .paper { fill: #ffffff; }
  text { font: 13px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #24292f; }
  .title { font-size: 17px; font-weight: 600; }
  .panel { font-weight: 600; }
  .quiet { fill: #57606a; }
  .grid { stroke: #d8dee4; stroke-width: 1; }
  .axis { stroke: #8c959f; stroke-width: 1; }
  .line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
  .strong { stroke: #0969da; } .strong-dot, .strong-text { fill: #0969da; }
  .weak { stroke: #0969da; stroke-dasharray: 2 5; } .weak-dot, .weak-text { fill: #0969da; }
  .warm { stroke: #bc4c00; } .warm-dot, .warm-text { fill: #bc4c00; }
  .figure { font-size: 12px; font-variant-numeric: tabular-nums; }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #0d1117; }
    text { fill: #e6edf3; }
    .quiet { fill: #9198a1; }
    .grid { stroke: #262c36; }
    .axis { stroke: #6e7681; }
    .strong, .weak { stroke: #58a6ff; } .strong-dot, .strong-text, .weak-dot, .weak-text { fill: #58a6ff; }
    .warm { stroke: #f0883e; } .warm-dot, .warm-text { fill: #f0883e; }
  }`;

/** @param points - by rising size, at least two */
export function growthPlot(points: readonly GrowthPoint[]): string {
  const sizes = points.map(({ events }) => events);
  const x = logScale(Math.min(...sizes), Math.max(...sizes), { from: PLOT.left, to: PLOT.right });
  const p95 = points.map(({ commitMsP95 }) => commitMsP95);
  const openMs = points.map(({ openMs }) => openMs);
  const panels: readonly Panel[] = [
    {
      ...COMMITS,
      title: 'Commit of one event, durable',
      note: 'milliseconds',
      y: linearScale(Math.max(...p95) * HEADROOM, STEPS_MAX, { from: COMMITS.bottom, to: COMMITS.top }),
      lines: [
        { name: '95th percentile', style: 'weak', values: p95 },
        { name: 'median', style: 'strong', values: points.map(({ commitMsMedian }) => commitMsMedian) },
      ],
    },
    {
      ...OPENING,
      title: 'Opening the store, until the first aggregate is read',
      note: 'milliseconds, logarithmic',
      y: logScale(Math.min(...openMs), Math.max(...openMs), { from: OPENING.bottom, to: OPENING.top }),
      lines: [{ name: 'opening', style: 'warm', values: openMs }],
    },
  ];
  return document([
    text(PLOT.left, 36, 'What growth costs', 'title'),
    text(PLOT.left, 57, 'Daybook in its worker, Chromium; medians of interleaved rounds', 'quiet'),
    ...panels.flatMap((panel) => [...frame(panel, x), ...panel.lines.flatMap((line) => draw(line, panel, x, sizes))]),
    text(PLOT.left, HEIGHT - 24, 'Events in the store, logarithmic', 'quiet'),
  ]);
}

function document(parts: readonly string[]): string {
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-labelledby="name">`,
    '<title id="name">Latency of a commit and time to open a store, by the number of events in it</title>',
    `<style>${STYLE}\n</style>`,
    `<rect class="paper" width="${WIDTH}" height="${HEIGHT}" rx="6"/>`,
    ...parts,
    '</svg>',
  ].join('\n')}\n`;
}

/** The lines behind the figures, and what stands at them. */
function frame({ title, note, top, bottom, y }: Panel, x: Scale): string[] {
  const across = y.ticks.flatMap((tick) => [
    rule(PLOT.left, y.place(tick), PLOT.right, y.place(tick), tick === y.ticks[0] ? 'axis' : 'grid'),
    text(PLOT.left - 10, y.place(tick) + 4, tick.toLocaleString('en'), 'quiet figure', 'end'),
  ]);
  const along = x.ticks.flatMap((tick) => [
    rule(x.place(tick), top, x.place(tick), bottom + 5, 'grid'),
    text(x.place(tick), bottom + 21, tick.toLocaleString('en'), 'quiet figure', 'middle'),
  ]);
  const heading = `<text x="${PLOT.left}" y="${top - 14}"><tspan class="panel">${title}</tspan><tspan class="quiet" dx="8">${note}</tspan></text>`;
  return [heading, ...along, ...across];
}

function draw(line: Line, { y, lines, bottom }: Panel, x: Scale, sizes: readonly number[]): string[] {
  const { name, style, values } = line;
  const places = values.map((value, index) => [x.place(sizes[index] as number), y.place(value)] as const);
  const [firstX, firstY] = places[0] as readonly [number, number];
  const [lastX, lastY] = places[places.length - 1] as readonly [number, number];
  const points = places.map(([left, top]) => `${round(left)},${round(top)}`).join(' ');
  return [
    `<polyline class="line ${style}" points="${points}"/>`,
    ...places.map(([left, top]) => `<circle class="${style}-dot" cx="${round(left)}" cy="${round(top)}" r="3"/>`),
    text(
      firstX + FIGURE_GAP / 2,
      firstY + firstFigureAt(places, line === lines[0], bottom),
      figure(values[0] as number),
      `figure ${style}-text`,
    ),
    text(lastX + NAME_GAP, lastY - 3, name, `${style}-text`),
    text(lastX + NAME_GAP, lastY + 12, `${figure(values[values.length - 1] as number)} ms`, `figure ${style}-text`),
  ];
}

/**
 * How far below the first point its figure stands: above it, but below where the line rises or another line is above,
 * if there is room.
 */
function firstFigureAt(places: readonly (readonly [number, number])[], isUpper: boolean, bottom: number): number {
  const [first, second] = places as [readonly [number, number], readonly [number, number]];
  const rises = second[1] < first[1] - FIGURE_GAP;
  return (rises || !isUpper) && first[1] + 2 * FIGURE_GAP < bottom ? 2 * FIGURE_GAP : -FIGURE_GAP;
}

function rule(x1: number, y1: number, x2: number, y2: number, style: string): string {
  return `<line class="${style}" x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"/>`;
}

function text(
  x: number,
  y: number,
  content: string,
  style: string,
  anchor: 'start' | 'middle' | 'end' = 'start',
): string {
  return `<text class="${style}" x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${content}</text>`;
}

/** With as many digits as help. */
function figure(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en');
  if (value >= 10 || Number.isInteger(value)) return `${Math.round(value)}`;
  return value >= 1 ? value.toFixed(1) : value.toFixed(2);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
