import type { Cipher } from '../persistence/mapping/cipher.js';
import type { Compressor } from '../persistence/mapping/compressor.js';
import type { ProcessRecorder } from '../persistence/recorder.js';
import type { ServerRecords } from '../persistence/server-records.js';
import type { OnRecorded } from '../persistence/subscription.js';
import type { Transcoder } from '../persistence/mapping/transcoder.js';
import type { Clock } from '../util/clock.js';
import type { AggregateCacheOptions } from './aggregates/aggregate-cache.js';
import type { OlderEvents } from './aggregates/older-events.js';
import type { AggregateDefinition } from './aggregates/aggregate-kind.js';
import type { ResolveConflict } from './commands/conflict-resolver.js';
import type { NotificationFeed } from './log/event-subscription.js';
import type { EventIndex } from './event-index/event-index.js';
import type { InlineParticipant } from './events/inline-participant.js';
import type { SubjectKeys } from './personal/subject-keys.js';
import type { SnapshotOptions } from './aggregates/snapshots.js';

/** What an `Application` is made of. */
export interface ApplicationOptions {
  /** Where the events are: in memory, in the browser, in a file, in PostgreSQL. Lent: whoever made it closes it. */
  readonly recorder: ProcessRecorder;
  /** The deciders and the aggregate classes of the application. What is not among them cannot be loaded or saved. */
  readonly aggregates: readonly AggregateDefinition[];
  /** Its name for others that follow it: their tracking records carry it. @defaultValue `'application'` */
  readonly name?: string;
  /** Knows `DateTime`. @defaultValue JSON, with UUIDs, dates with times, and decimals as the Python library has them */
  readonly transcoder?: Transcoder;
  /** @defaultValue none */
  readonly compressor?: Compressor;
  /** @defaultValue none */
  readonly cipher?: Cipher;
  /**
   * Keys of the people that personal fields of events are about (`event({ personal })`): what is recorded of a person is
   * encrypted by keys of theirs, and cannot be read any more when these are gone (`subjectKeys.forget`). Needed where an
   * event or a command has personal fields. See docs/encryption.md.
   *
   * @defaultValue none
   */
  readonly subjectKeys?: SubjectKeys;
  /** @defaultValue none are taken */
  readonly snapshots?: SnapshotOptions;
  /** @defaultValue nothing is cached: every load reads the whole history, or from the snapshot on */
  readonly cache?: AggregateCacheOptions;
  /**
   * Gives events that have left the store (`Application.truncateHistory`): `serverHistory(…).olderEvents`. They are compared
   * with what has left. Asked for `repository.history`, for versions that are older, and where an aggregate's state has
   * another shape by now (`stateVersion`). What it rejects with is what reading rejects with.
   *
   * @defaultValue nobody is asked: `HISTORY_TRUNCATED`
   */
  readonly olderEvents?: OlderEvents;
  /** Takes part in the transactions of the events, which takes a recorder that has some, or hears of them. @defaultValue `[]` */
  readonly inline?: readonly InlineParticipant[];
  /**
   * Finds events by what is known of them, for `readAll` and `subscribe`: actors, tenants, correlations, times. It takes part
   * in the transactions of the events, whether it is among `inline` or not.
   *
   * @defaultValue none: events are read by types and aggregates alone
   */
  readonly eventIndex?: EventIndex | undefined;
  /**
   * Knows what a server says of events, for `readAll({ withServer: true })`: on the server its log of units.
   *
   * @defaultValue the recorder, where it is a store that follows a server's log
   */
  readonly serverRecords?: ServerRecords | undefined;
  /**
   * Tells of what others record, for subscriptions: `(listener) => daybook.onRecorded(listener)`. Not needed for a recorder
   * that can be subscribed to, as those on PostgreSQL can.
   *
   * @defaultValue subscriptions hear of what this application records, and of nothing else
   */
  readonly onRecorded?: OnRecorded;
  /**
   * What subscriptions follow, instead of the recorder: `daybook`. It tells of what others record as well, and its end, or
   * its failure, is that of the subscriptions.
   *
   * @defaultValue the recorder, where it can be subscribed to
   */
  readonly notifications?: NotificationFeed;
  /** @defaultValue the platform's */
  readonly clock?: Clock;
  /** From 0 (inclusive) to 1 (exclusive); for waits before deciding again. @defaultValue `Math.random` */
  readonly random?: () => number;
  /** Gives ids for events: UUIDs in canonical form. @defaultValue version 7, which sort by time */
  readonly newEventId?: () => string;
  /**
   * Whether commands are kept with what they have decided, until a server has confirmed it, so that they are decided again
   * when others were faster (`startSync({ application })`). Their data must have a serialised form, as that of events. Not
   * kept: commands that expect an exact version or no events, and what is saved otherwise (`save`, `append`, several calls
   * in one transaction). Of use on recorders with units.
   *
   * @defaultValue false
   */
  readonly keepCommands?: boolean;
  /**
   * Says what becomes of a unit that gave way to others', and that has no command to decide it by: saved aggregates, what
   * was appended, commands that expected a version, or all of them without `keepCommands`. Asked in the tab that
   * synchronises, while a page waits for it: perhaps several times about one unit, so it has no effect of its own. What it
   * answers is validated, and recorded in the commit of the page. One that throws, or answers what cannot be recorded, sets
   * the unit aside with that as its reason. One that does not come to an end without ever waiting for anything cannot be
   * interrupted.
   *
   * @defaultValue such units are set aside as `CONFLICT`
   *
   * @example
   * ```ts
   * const resolve: ResolveConflict = ({ events, aggregates: [item] }) =>
   *   item.since.some(({ type }) => type === 'Closed')
   *     ? { code: 'ITEM_CLOSED', message: 'The item was closed meanwhile.' }
   *     : events;
   * ```
   */
  readonly resolve?: ResolveConflict | undefined;
  /** Milliseconds that `resolve` has for its answer, at least 1; `Infinity` for ever. @defaultValue 10,000 */
  readonly resolveTimeoutMs?: number | undefined;
  /**
   * Whether data that was read is validated by the event's schema, after upcasting. Costs time at every load, and is for
   * stores that others write to.
   *
   * @defaultValue `'never'`
   */
  readonly validateOnRead?: 'never' | 'always';
}
