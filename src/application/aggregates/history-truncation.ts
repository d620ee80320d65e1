/**
 * Lets confirmed history of aggregates leave a store: which, up to where, and with what in its place.
 *
 * ```text
 * what is old enough ──▶ its events and the state after them ──▶ the server says the same of the events ──▶ one commit
 * ```
 *
 * @module
 */
import { EventHandlerError } from '../../domain/domain-errors.js';
import { isEventSourcingError } from '../../domain/errors.js';
import {
  DataError,
  HistoryTruncatedError,
  MapperDeserialisationError,
  NotSupportedError,
  ProgrammingError,
  TopicError,
} from '../../persistence/errors.js';
import { historyDigest, DIGEST_START } from '../../persistence/history-digest.js';
import type { HistoryQuestion } from '../../persistence/history-digest.js';
import type { AggregateRecorder } from '../../persistence/recorder.js';
import type { HistoryFollower } from '../../persistence/sql/log-followers.js';
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
import { ApplicationTooOldError } from './application-errors.js';
import { hasPersonalEvents } from './snapshot-codec.js';
import type { SnapshotCodec } from './snapshot-codec.js';
import { readFollowerBound } from './follower-bound.js';

const OF_AGGREGATE = [
  ...[ApplicationTooOldError, DataError, EventHandlerError, HistoryTruncatedError, MapperDeserialisationError],
  ...[TopicError, TypeError],
];
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
  /**
   * Those that nobody runs any more, as `heldBackBy` names them: they hold nothing back, and are told so when they go on
   * (`HISTORY_TRUNCATED`), or do not meet what has left.
   *
   * @defaultValue everybody who follows the store holds back what he has not taken in
   */
  readonly abandoned?: readonly HistoryFollower[];
}

/** An aggregate that keeps its history. */
export interface SkippedHistory {
  readonly originatorId: OriginatorId;
  /**
   * The code and the message of an error: that this release is too old for one of its events (`APPLICATION_TOO_OLD`), that one
   * cannot be read, that history which has left is needed and `olderEvents` does not give it (`HISTORY_TRUNCATED`), or that its
   * state would come back as something else.
   */
  readonly reason: { readonly code: string; readonly message: string };
}

/** What came of it. */
export interface TruncatedHistory {
  /** Aggregates of which something has left. */
  readonly aggregates: readonly OriginatorId[];
  /** Those of which the server did not say the same, or which had changed meanwhile. */
  readonly differing: readonly OriginatorId[];
  /** Those of which nothing could be made that would stand for their events: they were passed by. */
  readonly skipped: readonly SkippedHistory[];
  /** Whether others are old enough, and something has left this time: call it again. */
  readonly hasMore: boolean;
  /** Who is farthest behind, and has held something back; `sync`, where nothing could leave. */
  readonly heldBackBy: HistoryFollower | undefined;
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

// Of each aggregate the last event that is old enough, confirmed, and taken in by all: everything before it may leave. Those first
// that have most; and those that stay are passed over by their number.
const CANDIDATES_SQL = `WITH old AS (SELECT max(position) AS position FROM daybook_units WHERE position <= $1 AND recorded_at_ms <= $2)
  SELECT e.originator_id AS id, max(e.originator_version) AS version
  FROM daybook_confirmed AS c CROSS JOIN daybook_units AS u ON u.first_id = c.first_id
  CROSS JOIN stored_events AS e ON e.notification_id >= u.first_id AND e.notification_id < u.first_id + u.events
  WHERE c.id <= $4 AND u.position <= (SELECT position FROM old) AND u.flags < 4 AND e.notification_id <= $3
  GROUP BY e.originator_id HAVING count(*) > 1 ORDER BY count(*) DESC, e.originator_id LIMIT $5 OFFSET $6`;
const NEWEST_SQL = `SELECT coalesce(max(position), 0) AS position, coalesce(max(recorded_at_ms), 0) AS ms,
  (SELECT coalesce(max(id), 0) FROM daybook_confirmed) AS last FROM daybook_units WHERE position IS NOT NULL`;
const ANCHOR_SQL = `SELECT coalesce(u.edition, u.unit_id) AS edition, e.topic FROM stored_events AS e CROSS JOIN daybook_units AS u
  ON u.first_id = (SELECT max(first_id) FROM daybook_units WHERE first_id <= e.notification_id)
  WHERE e.originator_id = $1 AND e.originator_version = $2`;
// Rows that are looked at together: most of them may be of aggregates that stay, and each look goes through all events.
const ROWS_MAX = 1_000;

interface Row {
  readonly id: Uint8Array;
  readonly version: number;
}

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
    const { provided = [], abandoned = [] } = options;
    assertFollowers(abandoned);
    const followers = await readFollowerBound(store, abandoned);
    const { heldBackBy } = followers;
    const [aggregates, differing, skipped]: [OriginatorId[], OriginatorId[], SkippedHistory[]] = [[], [], []];
    if (heldBackBy?.kind === 'sync') return { aggregates, differing, skipped, hasMore: false, heldBackBy };
    const upTo = Math.min(options.upTo ?? Number.MAX_SAFE_INTEGER, followers.upTo ?? Number.MAX_SAFE_INTEGER);
    const [newest] = (await store.query(NEWEST_SQL)).rows as readonly { position: number; ms: number; last: number }[];
    const { position = 0, ms = 0, last = 0 } = newest ?? {};
    const takenIn = followers.confirmed ?? last;
    const values = [position - keepEvents, ms - keepMs, upTo, takenIn];
    for (let stayed = 0; ;) {
      const rows = (await store.query(CANDIDATES_SQL, [...values, ROWS_MAX, stayed])).rows as unknown as readonly Row[];
      for (let at = 0; at < rows.length;) {
        const room = Math.min(aggregatesMax, TRUNCATIONS_MAX) - aggregates.length;
        if (room === 0) return { aggregates, differing, skipped, hasMore: true, heldBackBy };
        const from = at;
        const candidates: Candidate[] = [];
        for (; at < rows.length && candidates.length < room; at++) {
          const candidate = await this.#candidate(store, rows[at] as Row, skipped);
          if (candidate !== undefined) candidates.push(candidate);
        }
        const answers = candidates.length === 0 ? [] : await digests(candidates.map(({ question }) => question));
        const same = candidates.filter(({ truncation: { digest } }, index) => answers[index] === digest);
        const truncated = await store.truncate(
          same.map(({ truncation }) => truncation),
          { upTo, provided: [...provided, ...followers.provided] },
        );
        for (const id of truncated) aggregates.push(id);
        const left = new Set(truncated);
        for (const { question } of candidates)
          if (!left.has(question.originatorId)) differing.push(question.originatorId);
        stayed += at - from - truncated.length;
      }
      if (rows.length < ROWS_MAX) return { aggregates, differing, skipped, hasMore: false, heldBackBy };
    }
  }

  /** @returns `undefined` where nothing could stand for the events: it is among those that are skipped, or nobody's here */
  async #candidate(store: Store, { id, version }: Row, skipped: SkippedHistory[]): Promise<Candidate | undefined> {
    const originatorId = bytesToUuid(id);
    try {
      return await this.#candidateOf(store, originatorId, version);
    } catch (error) {
      if (!isOfAggregate(error)) throw error;
      skipped.push({ originatorId, reason: { code: codeOf(error), message: error.message } });
      return undefined;
    }
  }

  async #candidateOf(store: Store, originatorId: OriginatorId, version: number): Promise<Candidate | undefined> {
    const { registry, mapper, loader, codec, clock, kindNamed } = this.#options;
    // First: what is read afterwards is of it, or the store refuses it.
    const [row] = (await store.query(ANCHOR_SQL, [uuidToBytes(originatorId), version])).rows;
    const topic = String(row?.['topic']);
    const owner = registry.hasTopic(topic) ? registry.byTopic(topic).aggregateType : registry.ownerOf(topic);
    if (row === undefined || owner === undefined) return undefined;
    const kind = kindNamed(owner);
    // What stands for the events would have the person in it, or could not be read any more when one is forgotten.
    if (hasPersonalEvents(kind)) return undefined;
    const base = await store.selectBase(originatorId);
    const [after, digest] = [base?.version ?? 0, base?.digest ?? DIGEST_START];
    const events = await store.selectEvents(originatorId, { gt: after, lte: version });
    const last = events.at(-1);
    if (last === undefined || !follow(events, after) || events.length < 2) return undefined;
    const loaded = await loader.load(kind, originatorId, version);
    const { metadata } = await mapper.toDomainEvent(last);
    const state = await codec.encode(kind, loaded, undefined);
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

function assertFollowers(abandoned: unknown): void {
  const isOne = (one: unknown): boolean => {
    const { kind, name } = (one ?? {}) as Partial<Record<'kind' | 'name', unknown>>;
    return typeof kind === 'string' && typeof name === 'string';
  };
  if (Array.isArray(abandoned) && abandoned.every(isOne)) return;
  throw new ProgrammingError('abandoned must be a list of { kind, name }, as heldBackBy names them.');
}

/** Whether nothing is missing among them. */
function follow(events: readonly StoredEvent[], after: number): boolean {
  return events.every(({ originatorVersion }, index) => originatorVersion === after + 1 + index);
}

/** Whether it is about what one aggregate has, and not about the store, or whoever is asked. */
function isOfAggregate(error: unknown): error is Error {
  // A state that cannot be written is refused by a plain TypeError.
  return OF_AGGREGATE.some((kind) => error instanceof kind);
}

function codeOf(error: Error): string {
  return isEventSourcingError(error) ? error.code : DataError.code;
}
