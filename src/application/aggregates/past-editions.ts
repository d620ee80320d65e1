/**
 * Whether the past of an aggregate is still the one that a state was made of.
 *
 * In a store that is synchronised, events may leave and others come before an event that stays, at the same version: what
 * commutes is moved up behind what others have recorded. So the last event does not say what was before it. Its edition
 * does (`persistence/unit-edition.ts`).
 *
 * @module
 */
import type { AggregateRecorder } from '../../persistence/recorder.js';
import type { SqlRecorder } from '../../persistence/sql/sql-recorder.js';
import { uuidToBytes } from '../../util/uuid-bytes.js';

/** What the last event of an aggregate, up to a version, stands in. */
export interface PastEdition {
  readonly version: number;
  /** The same for the same past. */
  readonly edition: string;
  /** Whether it was never moved: then nothing before it has changed either. */
  readonly isAsRecorded: boolean;
}

/** Asks for the edition at a version, or the last one; `undefined` where there is none, or it is not known. */
export type PastEditions = (id: string, upTo?: number) => Promise<PastEdition | undefined>;

const EDITION_SQL = `SELECT e.originator_version AS version, u.edition IS NULL AS recorded,
  hex(coalesce(u.edition, u.unit_id)) AS edition FROM stored_events AS e CROSS JOIN daybook_units AS u
  ON u.first_id = (SELECT max(first_id) FROM daybook_units WHERE first_id <= e.notification_id)
  WHERE e.originator_id = $1 AND e.originator_version <= $2 ORDER BY e.originator_version DESC LIMIT 1`;

/** How to ask a recorder. @returns `undefined` where the past of events does not change: there is nothing to ask */
export function pastEditions(recorder: AggregateRecorder): PastEditions | undefined {
  const { units, sql } = recorder.supports ?? {};
  if (units !== true) return undefined;
  if (sql !== true) return async () => undefined;
  return async (id, upTo = Number.MAX_SAFE_INTEGER) => {
    const { rows } = await (recorder as SqlRecorder).query(EDITION_SQL, [uuidToBytes(id), upTo]);
    const [row] = rows as readonly { version: number; recorded: number; edition: string }[];
    if (row === undefined) return undefined;
    return { version: row.version, edition: row.edition, isAsRecorded: row.recorded === 1 };
  };
}

/** Those of a view, which has more than is recorded: of what it does not have from the recorder, nothing is known. */
export function pastOf(view: { stays(id: string, version: number): boolean }, editions: PastEditions): PastEditions {
  return async (id, upTo = Infinity) => (view.stays(id, upTo) ? await editions(id, upTo) : undefined);
}
