/**
 * Lets confirmed history of aggregates leave a store: which, up to where, and with what in its place.
 *
 * ```text
 * what is old enough ──▶ its events and the state after them ──▶ the server says the same of the events ──▶ one commit
 * ```
 *
 * @module
 */
import { DataError, NotSupportedError } from '../../persistence/errors.js';
import { historyDigest, DIGEST_START } from '../../persistence/history-digest.js';
import type { HistoryQuestion } from '../../persistence/history-digest.js';
import type { AggregateRecorder } from '../../persistence/recorder.js';
import type { SqlRecorder } from '../../persistence/sql/sql-recorder.js';
import type { OriginatorId, StoredEvent } from '../../persistence/stored-event.js';
import { TRUNCATIONS_MAX } from '../../persistence/unit-recorder.js';
import type { TruncateOptions, Truncation, UnitRecorder } from '../../persistence/unit-recorder.js';
import { checkedMs, validateCount } from '../../persistence/validation.js';
import type { Clock } from '../../util/clock.js';
import { bytesToUuid, uuidToBytes } from '../../util/uuid-bytes.js';
import type { EventEnvelopeMapper } from '../events/envelope-mapper.js';
import type { EventRegistry } from '../events/event-registry.js';
import type { AggregateKind } from './aggregate-kind.js';
import type { AggregateLoader } from './aggregate-loader.js';
import { hasPersonalEvents } from './snapshot-codec.js';
import type { SnapshotCodec } from './snapshot-codec.js';

const KEEP_MS_DEFAULT = 30 * 24 * 3_600_000;

/** Options of `Application.truncateHistory`. */
export interface TruncateHistoryOptions extends TruncateOptions {
  /**
   * Asks the server what it has: `serverHistory(…).digests`. What it does not say the same of stays.
   *
   * @param questions - up to 100
   * @returns the digests, in the order of the questions; `undefined` where it does not have all of the events, or not for who asks
   */
  readonly digests: (questions: readonly HistoryQuestion[]) => Promise<readonly (string | undefined)[]>;
  /**
   * Milliseconds for which history stays: by the server's times, counted from the newest event that it has confirmed. So far
   * back this device can bring back what a server loses. @defaultValue 30 days
   */
  readonly keepMs?: number;
  /** Events of the server's log that stay, whatever their times. @defaultValue 0 */
  readonly keepEvents?: number;
  /** Aggregates at most, up to 100: those first that have most to let go. @defaultValue 100 */
  readonly aggregatesMax?: number;
}

/** What came of it. */
export interface TruncatedHistory {
  /** Aggregates of which something has left. */
  readonly aggregates: readonly OriginatorId[];
  /** Those of which the server did not say the same, or which had changed meanwhile. */
  readonly differing: readonly OriginatorId[];
  /** Whether others are old enough: call it again. */
  readonly hasMore: boolean;
}

/** What a {@link HistoryTruncation} is made of. */
export interface HistoryTruncationOptions {
  readonly recorder: AggregateRecorder;
  readonly registry: EventRegistry;
  readonly mapper: EventEnvelopeMapper;
  readonly loader: AggregateLoader;
  readonly codec: SnapshotCodec;
  readonly clock: Clock;
  /** Of the application's; by the name of an event that is in the registry. */
  readonly kindNamed: (name: string) => AggregateKind;
}

// Of each aggregate the last event that is old enough and confirmed: everything before it may leave.
const CANDIDATES_SQL = `WITH old AS (SELECT max(position) AS position FROM daybook_units WHERE position <= $1 AND recorded_at_ms <= $2)
  SELECT e.originator_id AS id, max(e.originator_version) AS version, count(*) AS events
  FROM daybook_units AS u CROSS JOIN stored_events AS e
    ON e.notification_id >= u.first_id AND e.notification_id < u.first_id + u.events
  WHERE u.position <= (SELECT position FROM old) AND u.flags < 4 AND e.notification_id <= $3
  GROUP BY e.originator_id HAVING count(*) > 1 ORDER BY count(*) DESC LIMIT $4`;
const NEWEST_SQL = `SELECT coalesce(max(position), 0) AS position, coalesce(max(recorded_at_ms), 0) AS ms FROM daybook_units
  WHERE position IS NOT NULL`;
const ANCHOR_SQL = `SELECT coalesce(u.edition, u.unit_id) AS edition FROM stored_events AS e CROSS JOIN daybook_units AS u
  ON u.first_id = (SELECT max(first_id) FROM daybook_units WHERE first_id <= e.notification_id)
  WHERE e.originator_id = $1 AND e.originator_version = $2`;

interface Candidate {
  readonly truncation: Truncation;
  readonly question: HistoryQuestion;
}

type Store = AggregateRecorder & SqlRecorder & UnitRecorder;

/** Truncates the aggregates of one application. */
export class HistoryTruncation {
  readonly #options: HistoryTruncationOptions;

  constructor(options: HistoryTruncationOptions) {
    this.#options = options;
  }

  /** As `Application.truncateHistory`. */
  async run(options: TruncateHistoryOptions): Promise<TruncatedHistory> {
    const { digests, keepMs = KEEP_MS_DEFAULT, keepEvents = 0, aggregatesMax = TRUNCATIONS_MAX } = options;
    checkedMs('keepMs', keepMs);
    if (keepEvents !== 0) validateCount('keepEvents', keepEvents);
    validateCount('aggregatesMax', aggregatesMax);
    const store = this.#store();
    const { upTo = Number.MAX_SAFE_INTEGER, provided } = options;
    const limit = Math.min(aggregatesMax, TRUNCATIONS_MAX);
    const [newest] = (await store.query(NEWEST_SQL)).rows as readonly { position: number; ms: number }[];
    const { position = 0, ms = 0 } = newest ?? {};
    const values = [position - keepEvents, ms - keepMs, upTo, limit + 1];
    const rows = (await store.query(CANDIDATES_SQL, values)).rows as readonly { id: Uint8Array; version: number }[];
    const candidates: Candidate[] = [];
    for (const { id, version } of rows.slice(0, limit)) {
      const candidate = await this.#candidate(store, bytesToUuid(id), version);
      if (candidate !== undefined) candidates.push(candidate);
    }
    const answers = candidates.length === 0 ? [] : await digests(candidates.map(({ question }) => question));
    const same = candidates.filter(({ truncation: { digest } }, index) => answers[index] === digest);
    const truncated = await store.truncate(
      same.map(({ truncation }) => truncation),
      { upTo, ...(provided === undefined ? {} : { provided }) },
    );
    const left = new Set(truncated);
    const ids = candidates.map(({ question }) => question.originatorId);
    return {
      aggregates: truncated,
      differing: ids.filter((id) => !left.has(id)),
      hasMore: rows.length > limit,
    };
  }

  /** @returns `undefined` where nothing could stand for the events */
  async #candidate(store: Store, originatorId: OriginatorId, version: number): Promise<Candidate | undefined> {
    const { registry, mapper, loader, codec, clock, kindNamed } = this.#options;
    // First: what is read afterwards is of it, or the store refuses it.
    const [row] = (await store.query(ANCHOR_SQL, [uuidToBytes(originatorId), version])).rows;
    const base = await store.selectBase(originatorId);
    const [after, digest] = [base?.version ?? 0, base?.digest ?? DIGEST_START];
    const events = await store.selectEvents(originatorId, { gt: after, lte: version });
    const last = events.at(-1);
    if (row === undefined || last === undefined || !follow(events, after) || events.length < 2) return undefined;
    if (!registry.hasTopic(last.topic)) return undefined;
    const kind = kindNamed(registry.byTopic(last.topic).aggregateType);
    // What stands for the events would have the person in it, or could not be read any more when one is forgotten.
    if (hasPersonalEvents(kind)) return undefined;
    const { metadata } = await mapper.toDomainEvent(last);
    const state = await codec
      .encode(kind, await loader.load(kind, originatorId, version), undefined)
      .catch((error: unknown) => {
        // It would come back as something else: this aggregate keeps its history.
        if (error instanceof DataError || error instanceof TypeError) return undefined;
        throw error;
      });
    if (state === undefined) return undefined;
    const snapshot = {
      ...{ originatorId, originatorVersion: version, eventId: metadata.eventId, aggregateType: kind.name, state },
      ...{ stateVersion: kind.stateVersion, takenAtMs: clock.nowMs() },
    };
    const anchor = bytesToUuid(row['edition'] as Uint8Array);
    return {
      truncation: { snapshot, anchor, digest: historyDigest(events.slice(0, -1), digest) },
      question: { originatorId, after, digest, upTo: version - 1 },
    };
  }

  #store(): Store {
    const { recorder } = this.#options;
    const { units, sql } = recorder.supports ?? {};
    if (units === true && sql === true) return recorder as Store;
    throw new NotSupportedError(
      'History leaves stores only that are synchronised and have SQL: see supports.units and supports.sql of the recorder.',
    );
  }
}

/** Whether nothing is missing among them. */
function follow(events: readonly StoredEvent[], after: number): boolean {
  return events.every(({ originatorVersion }, index) => originatorVersion === after + 1 + index);
}
