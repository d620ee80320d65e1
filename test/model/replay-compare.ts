/**
 * Compares lines of the model with lines of the shipped code.
 *
 * @module
 */
import type { ReplayNames } from './replay-names.js';
import { partsOf } from './trace-lines.js';
import type { Line, Outcome } from './trace.js';

/** @returns where they differ, if they do */
export function compareLines(
  expected: readonly Line[],
  found: readonly Line[],
  names: ReplayNames,
): string | undefined {
  const [all, others] = [sorted(expected), sorted(found)];
  for (let at = 0; at < Math.max(all.length, others.length); at++) {
    const [model, code] = [all[at], others[at]];
    if (model?.text !== code?.text) return differing(expected, found);
    const wrong = (model?.names ?? []).flatMap((name, index) => names.same(name, code?.names[index] ?? '') ?? []);
    if (wrong.length > 0 || model?.names.length !== code?.names.length) {
      return `${model?.text}: ${wrong.join(', ') || `${model?.names.join(' ')} / ${code?.names.join(' ')}`}`;
    }
  }
  return undefined;
}

function sorted(lines: readonly Line[]): ReturnType<typeof partsOf>[] {
  return lines.map(partsOf).sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0));
}

function differing(expected: readonly Line[], found: readonly Line[]): string {
  const textOf = (line: Line): string => partsOf(line).text;
  const [model, code] = [new Set(expected.map(textOf)), new Set(found.map(textOf))];
  const only = (some: ReadonlySet<string>, others: ReadonlySet<string>): string =>
    [...some].filter((text) => !others.has(text)).join('\n  ') || '–';
  return `\n model:\n  ${only(model, code)}\n code:\n  ${only(code, model)}`;
}

/** The lines of states, as a trace changes them. */
export class ExpectedStates {
  readonly #lines = new Map<string, Set<Line>>();

  /** @returns the lines of a state after a step */
  after(key: string, { more = [], less = [] }: Outcome): readonly Line[] {
    const lines = this.#lines.get(key) ?? new Set();
    this.#lines.set(key, lines);
    for (const gone of less) lines.delete(gone);
    for (const come of more) lines.add(come);
    return [...lines];
  }
}
