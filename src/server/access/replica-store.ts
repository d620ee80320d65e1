/**
 * Where it is written down which replica is whose.
 *
 * @module
 */
import { validateCount } from '../../persistence/validation.js';

/** A replica: the store of one browser, as a server knows it. */
export interface ReplicaRecord extends ReplicaKey {
  /** Who used it first; empty where nobody said. */
  readonly subject: string;
  /** Name and version of the application, as it said last; `undefined` when it never said. */
  readonly app: string | undefined;
  /** Milliseconds since 1970, as the next one; this one is written once a minute at most. */
  readonly firstSeenAtMs: number;
  readonly lastSeenAtMs: number;
  /** Up to where it had the log when that was last written down; `undefined` when it never had all of it. */
  readonly ackedPosition: number | undefined;
  /** Since when, and why, nothing is taken of it, or given to it, any more. */
  readonly revoked: Revocation | undefined;
}

/** What tells a replica from all others. */
export interface ReplicaKey {
  /** Empty where there is one log. */
  readonly tenant: string;
  /** A UUID. */
  readonly replicaId: string;
}

/** That an operator does not want a replica any more. */
export interface Revocation {
  readonly atMs: number;
  readonly why: string;
}

/** A replica that is seen for the first time. */
export interface NewReplica extends ReplicaKey {
  readonly subject: string;
  readonly app: string | undefined;
  readonly nowMs: number;
  /** How many a subject may have in a tenant. */
  readonly replicasMax: number;
}

/** That a replica was there. */
export interface ReplicaSeen extends ReplicaKey {
  readonly nowMs: number;
  /** `undefined` leaves what is written. */
  readonly app: string | undefined;
  readonly ackedPosition: number | undefined;
}

/** Which replicas to read. */
export interface ReplicaSelection {
  /** @defaultValue every one's */
  readonly tenant?: string | undefined;
  readonly subject?: string | undefined;
  /** Those after this one, in the order of tenant and id. @defaultValue from the first one */
  readonly after?: ReplicaKey | undefined;
  readonly limit: number;
}

/** Keeps records of replicas. Each call is one transaction at most. */
export interface ReplicaStore {
  select(key: ReplicaKey): Promise<ReplicaRecord | undefined>;
  /**
   * Writes a replica down, unless it is there; one that is nobody's becomes the subject's.
   *
   * @returns what is written then; `undefined` when the subject has as many as it may
   */
  bind(replica: NewReplica): Promise<ReplicaRecord | undefined>;
  /** Changes nothing where it was seen later: calls may overtake one another. */
  noteSeen(seen: ReplicaSeen): Promise<void>;
  /** @returns whether there is such a replica */
  setRevoked(key: ReplicaKey, revoked: Revocation | undefined): Promise<boolean>;
  list(selection: ReplicaSelection): Promise<readonly ReplicaRecord[]>;
}

/** Replicas in memory: for tests, and for servers that keep nothing. */
export class MemoryReplicaStore implements ReplicaStore {
  readonly #records = new Map<string, ReplicaRecord>();

  async select(key: ReplicaKey): Promise<ReplicaRecord | undefined> {
    return this.#records.get(nameOf(key));
  }

  async bind({ tenant, replicaId, subject, app, nowMs, replicasMax }: NewReplica): Promise<ReplicaRecord | undefined> {
    const known = this.#records.get(nameOf({ tenant, replicaId }));
    if (known !== undefined && (known.subject !== '' || subject === '')) return known;
    if (subject !== '' && this.#countOf(tenant, subject) >= replicasMax) return undefined;
    const first = { firstSeenAtMs: nowMs, lastSeenAtMs: nowMs, ackedPosition: undefined, revoked: undefined };
    return this.#put({ ...first, app, ...known, tenant, replicaId, subject });
  }

  async noteSeen({ nowMs, app, ackedPosition, ...key }: ReplicaSeen): Promise<void> {
    const known = this.#records.get(nameOf(key));
    if (known === undefined) return;
    if (nowMs < known.lastSeenAtMs) return;
    this.#put({
      ...known,
      lastSeenAtMs: nowMs,
      app: app ?? known.app,
      ackedPosition: ackedPosition ?? known.ackedPosition,
    });
  }

  async setRevoked(key: ReplicaKey, revoked: Revocation | undefined): Promise<boolean> {
    const known = this.#records.get(nameOf(key));
    if (known !== undefined) this.#put({ ...known, revoked });
    return known !== undefined;
  }

  async list({ tenant, subject, after, limit }: ReplicaSelection): Promise<readonly ReplicaRecord[]> {
    validateCount('limit', limit);
    return [...this.#records.values()]
      .filter((record) => tenant === undefined || record.tenant === tenant)
      .filter((record) => subject === undefined || record.subject === subject)
      .filter((record) => after === undefined || isAfter(record, after))
      .sort((a, b) => (isAfter(a, b) ? 1 : -1))
      .slice(0, limit);
  }

  #countOf(tenant: string, subject: string): number {
    let count = 0;
    for (const record of this.#records.values()) if (record.tenant === tenant && record.subject === subject) count++;
    return count;
  }

  #put(record: ReplicaRecord): ReplicaRecord {
    this.#records.set(nameOf(record), record);
    return record;
  }
}

function nameOf({ tenant, replicaId }: ReplicaKey): string {
  return `${replicaId} ${tenant}`;
}

function isAfter(a: ReplicaKey, b: ReplicaKey): boolean {
  return a.tenant === b.tenant ? a.replicaId > b.replicaId : a.tenant > b.tenant;
}
