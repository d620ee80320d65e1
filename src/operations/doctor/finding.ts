/**
 * What a doctor has found, and how bad it is.
 *
 * @module
 */

/**
 * From well to bad. `unknown` is what could not be looked at, and stands between what is well and what is not: nobody knows.
 */
export type Level = 'ok' | 'unknown' | 'warning' | 'critical';

const LEVELS: readonly Level[] = ['ok', 'unknown', 'warning', 'critical'];

// As plugins of Nagios and its relatives end.
const EXIT_CODES: Readonly<Record<Level, number>> = { ok: 0, warning: 1, critical: 2, unknown: 3 };

/** One thing that was looked at. */
export interface Finding {
  /** What was looked at: `setting`, `index`, `projection`. Stays the same from release to release. */
  readonly check: string;
  readonly level: Level;
  /** What it is about: the name of a setting, a table, an index, a projection. */
  readonly subject: string;
  /** What is so, in a sentence. */
  readonly message: string;
  /** What to do about it. @defaultValue nothing has to be done */
  readonly advice?: string | undefined;
  /** The figures behind it. */
  readonly details: Readonly<Record<string, string | number | boolean | null>>;
}

/** What a doctor has found in all. */
export interface Diagnosis {
  /** That of the worst finding. */
  readonly level: Level;
  /** The worst first. */
  readonly findings: readonly Finding[];
}

/** Findings, the worst first, and how bad all of them are together. */
export function diagnosisOf(findings: readonly Finding[]): Diagnosis {
  const rank = ({ level }: Finding): number => LEVELS.indexOf(level);
  const sorted = [...findings].sort((one, other) => rank(other) - rank(one));
  return { level: sorted[0]?.level ?? 'ok', findings: sorted };
}

/** How a program ends that tells a monitoring system: 0 well, 1 warnings, 2 critical, 3 something could not be seen. */
export function exitCodeOf({ level }: Pick<Diagnosis, 'level'>): number {
  return EXIT_CODES[level];
}

/** A finding that says something is as bad as a figure makes it. */
export function levelAbove(
  value: number,
  { warning, critical }: { readonly warning: number; readonly critical: number },
): Level {
  if (value > critical) return 'critical';
  return value > warning ? 'warning' : 'ok';
}
