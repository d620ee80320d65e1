/**
 * Replicas, bound to the subject that uses them first, and revocable.
 *
 * What is known of a replica is kept for a few seconds, so that a request costs no statement; so a revocation in another
 * process is seen here within {@link REVOCATION_SEEN_MS}, and in the process of whoever revokes at once. When a replica
 * was last there is written once a minute, by nobody who is waited for.
 *
 * Nothing correct rests on a replica's id: who copies a store copies that too. It is a label, and a handle for operators.
 *
 * @module
 */
import { ProgrammingError } from '../../persistence/errors.js';
import { isStorableText } from '../../persistence/validation.js';
import { APP_LABEL, ForbiddenError, InvalidRequestError } from '../../sync/protocol/index.js';
import { systemClock } from '../../util/clock.js';
import type { Clock } from '../../util/clock.js';
import { isCanonicalUuid } from '../../util/uuid-bytes.js';
import { callQuietly, quietLog } from '../operator/foreign-code.js';
import type { Log } from '../operator/foreign-code.js';
import { checkWhole } from '../operator/option-checks.js';
import type { ReplicaKey, ReplicaRecord, ReplicaSelection, ReplicaStore } from './replica-store.js';

/** Milliseconds after which a revocation is seen in every process, at the latest. */
export const REVOCATION_SEEN_MS = 10_000;

const SEEN_INTERVAL_MS = 60_000;
const KNOWN_MAX = 10_000;
const REPLICAS_PER_SUBJECT_MAX = 1_000;
const LIST_LIMIT_DEFAULT = 100;
const LIST_LIMIT_MAX = 10_000;
const WHY_LENGTH_MAX = 500;

/** Options of {@link ReplicaRegistry}. */
export interface ReplicaRegistryOptions {
  readonly store: ReplicaStore;
  /** Replicas that one subject may have in a tenant; one more is refused. @defaultValue 1,000 */
  readonly replicasPerSubjectMax?: number | undefined;
  /** Told when what was seen could not be written down. @defaultValue `console.error` */
  readonly log?: Log | undefined;
  /** @defaultValue the platform's */
  readonly clock?: Pick<Clock, 'nowMs' | 'monotonicMs'> | undefined;
}

/** A replica that asks for something. */
export interface ReplicaVisit {
  /** @defaultValue an empty text: there is one log */
  readonly tenant?: string | undefined;
  readonly replicaId: string;
  /** Empty where nobody says. */
  readonly subject: string;
  /** As it came; what is no such label is not noted. */
  readonly app?: string | null | undefined;
}

interface Known {
  readonly record: Promise<ReplicaRecord>;
  readonly untilMs: number;
  seenAtMs: number;
  ackedPosition: number | undefined;
}

/**
 * Who may use which replica. The server asks it for each request; operators list and revoke with it.
 *
 * @example
 * ```ts
 * const replicas = new ReplicaRegistry({ store });
 * for (const { replicaId, lastSeenAtMs } of await replicas.list({ subject: 'anna' })) console.log(replicaId, lastSeenAtMs);
 * await replicas.revoke({ replicaId }, 'lost in a train');
 * ```
 */
export class ReplicaRegistry {
  readonly #store: ReplicaStore;
  readonly #clock: Pick<Clock, 'nowMs' | 'monotonicMs'>;
  readonly #log: Log;
  readonly #replicasMax: number;
  /** The one that was asked for longest ago comes first. */
  readonly #known = new Map<string, Known>();

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a number makes no sense */
  constructor({ store, clock = systemClock, log, replicasPerSubjectMax }: ReplicaRegistryOptions) {
    checkWhole('replicasPerSubjectMax', replicasPerSubjectMax, 1, Number.MAX_SAFE_INTEGER);
    this.#store = store;
    this.#clock = clock;
    this.#log = quietLog(log ?? ((message, error) => console.error(message, error)));
    this.#replicasMax = replicasPerSubjectMax ?? REPLICAS_PER_SUBJECT_MAX;
  }

  /**
   * Lets a replica in, and binds it to the subject when it is seen first.
   *
   * @throws ForbiddenError (`FORBIDDEN`) with `details.reason`: `'replica'` when it is another subject's, whatever else is
   *   known of it; `'revoked'`; `'replicas'` when the subject has as many as it may
   * @throws InvalidRequestError (`INVALID_REQUEST`) when the id is no UUID
   * @throws what the store rejects with
   */
  async admit(visit: ReplicaVisit): Promise<void> {
    const { replicaId, subject } = visit;
    if (!isCanonicalUuid(replicaId)) throw new InvalidRequestError('A replica is named by a UUID in canonical form.');
    const known = this.#knownOf(visit);
    const record = await this.#recordFor(visit, known);
    if (record.subject !== subject) {
      throw new ForbiddenError('This replica is not one of this subject.', { details: { reason: 'replica' } });
    }
    if (record.revoked !== undefined) {
      throw new ForbiddenError('This replica was revoked.', { details: { reason: 'revoked' } });
    }
    this.#noteSeen(visit, known, record);
  }

  /** Notes up to where a replica that was let in has the log; written with the next time that it was seen. */
  noteAcked({ tenant = '', replicaId }: ReplicaName, position: number): void {
    const known = this.#known.get(nameOf({ tenant, replicaId }));
    if (known !== undefined) known.ackedPosition = position;
  }

  /**
   * Takes nothing of a replica, and gives nothing to it, any more: here at once, and in other processes within
   * {@link REVOCATION_SEEN_MS}. What it has it keeps; another replica of the same subject goes on.
   *
   * @param why - for operators: 1 to 500 characters
   * @returns whether there is such a replica
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the reason is no such text
   */
  async revoke({ tenant = '', replicaId }: ReplicaName, why: string): Promise<boolean> {
    if (typeof why !== 'string' || why.trim() === '' || why.length > WHY_LENGTH_MAX || !isStorableText(why)) {
      throw new ProgrammingError(`A reason is a text of 1 to ${WHY_LENGTH_MAX} characters. Nothing was revoked.`);
    }
    return await this.#setRevoked({ tenant, replicaId }, { atMs: this.#clock.nowMs(), why });
  }

  /** Takes a revocation back. @returns whether there is such a replica */
  async restore({ tenant = '', replicaId }: ReplicaName): Promise<boolean> {
    return await this.#setRevoked({ tenant, replicaId }, undefined);
  }

  /**
   * Reads replicas in the order of tenant and id.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the limit is no whole number from 1 to 10,000
   */
  async list(selection: Partial<ReplicaSelection> = {}): Promise<readonly ReplicaRecord[]> {
    const { limit = LIST_LIMIT_DEFAULT } = selection;
    checkWhole('limit', limit, 1, LIST_LIMIT_MAX);
    return await this.#store.list({ ...selection, limit });
  }

  async #setRevoked(key: ReplicaKey, revoked: ReplicaRecord['revoked']): Promise<boolean> {
    const isThere = await this.#store.setRevoked(key, revoked);
    this.#known.delete(nameOf(key));
    return isThere;
  }

  /** One that was nobody's becomes the subject's now, whatever is known of it. */
  async #recordFor(visit: ReplicaVisit, known: Known): Promise<ReplicaRecord> {
    const record = await known.record;
    if (record.subject !== '' || visit.subject === '') return record;
    const bound = await this.#bind(visit);
    this.#known.delete(nameOf(keyOf(visit)));
    return bound;
  }

  #knownOf(visit: ReplicaVisit): Known {
    const name = nameOf(keyOf(visit));
    const nowMs = this.#clock.monotonicMs();
    const before = this.#known.get(name);
    // Deleted first, so that it goes to the end.
    this.#known.delete(name);
    const known = before !== undefined && nowMs < before.untilMs ? before : this.#newKnown(visit, before, nowMs);
    this.#known.set(name, known);
    if (this.#known.size > KNOWN_MAX) this.#known.delete(this.#known.keys().next().value as string);
    return known;
  }

  #newKnown(visit: ReplicaVisit, before: Known | undefined, nowMs: number): Known {
    const known: Known = {
      record: this.#read(visit),
      untilMs: nowMs + REVOCATION_SEEN_MS,
      seenAtMs: before?.seenAtMs ?? -Infinity,
      ackedPosition: before?.ackedPosition,
    };
    known.record.catch(() => {
      const name = nameOf(keyOf(visit));
      if (this.#known.get(name) === known) this.#known.delete(name);
    });
    return known;
  }

  async #read(visit: ReplicaVisit): Promise<ReplicaRecord> {
    return (await this.#store.select(keyOf(visit))) ?? (await this.#bind(visit));
  }

  async #bind(visit: ReplicaVisit): Promise<ReplicaRecord> {
    const { subject } = visit;
    const nowMs = this.#clock.nowMs();
    const replica = { ...keyOf(visit), subject, app: appOf(visit), nowMs, replicasMax: this.#replicasMax };
    const record = await this.#store.bind(replica);
    if (record !== undefined) return record;
    throw new ForbiddenError('This subject has as many replicas as it may have.', { details: { reason: 'replicas' } });
  }

  #noteSeen(visit: ReplicaVisit, known: Known, { lastSeenAtMs }: ReplicaRecord): void {
    const nowMs = this.#clock.monotonicMs();
    // Whoever wrote it down: this process before, the binding just now, or another process.
    const writtenMs = this.#clock.nowMs() - lastSeenAtMs;
    const isFresh = writtenMs >= 0 && writtenMs < SEEN_INTERVAL_MS;
    if (isFresh || nowMs - known.seenAtMs < SEEN_INTERVAL_MS) return;
    known.seenAtMs = nowMs;
    const { ackedPosition } = known;
    const seen = { ...keyOf(visit), nowMs: this.#clock.nowMs(), app: appOf(visit), ackedPosition };
    callQuietly(
      () => this.#store.noteSeen(seen),
      (error) => this.#log('That a replica was there could not be written down.', error),
    );
  }
}

/** A replica, where the tenant may be left out: there is one log. */
export type ReplicaName = Pick<ReplicaKey, 'replicaId'> & Partial<ReplicaKey>;

function keyOf({ tenant = '', replicaId }: ReplicaVisit): ReplicaKey {
  return { tenant, replicaId };
}

function nameOf({ tenant, replicaId }: ReplicaKey): string {
  return `${replicaId} ${tenant}`;
}

function appOf({ app }: ReplicaVisit): string | undefined {
  return typeof app === 'string' && APP_LABEL.test(app) ? app : undefined;
}
