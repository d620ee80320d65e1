/**
 * Which replica is whose, told to another store.
 *
 * @module
 */
import type { ReplicaKey, ReplicaRecord, ReplicaStore } from './replica-store.js';

const AT_ONCE = 500;

/** What {@link copyReplicas} copies. */
export interface ReplicasCopy {
  readonly from: Pick<ReplicaStore, 'list'>;
  readonly to: ReplicaStore;
  /** Whose replicas. @defaultValue every tenant's */
  readonly tenant?: string;
}

/**
 * Copies which replica is whose, and which are revoked, for a tenant that is moved to a server with other tables. Safe to call
 * again: what was revoked or restored since is so there as well, then. What another subject has there already stays.
 *
 * @returns how many there are
 *
 * @example
 * ```ts
 * const count = await copyReplicas({ from: ofTheOldServer, to: ofTheNewServer, tenant: 'acme' });
 * ```
 */
export async function copyReplicas({ from, to, tenant }: ReplicasCopy): Promise<number> {
  let after: ReplicaKey | undefined;
  let count = 0;
  for (;;) {
    const records = await from.list({ tenant, after, limit: AT_ONCE });
    for (const record of records) await copyReplica(record, to);
    count += records.length;
    after = records.at(-1);
    if (records.length < AT_ONCE) return count;
  }
}

async function copyReplica(record: ReplicaRecord, to: ReplicaStore): Promise<void> {
  const { tenant, replicaId, subject, app, firstSeenAtMs, lastSeenAtMs, ackedPosition, revoked } = record;
  const key = { tenant, replicaId };
  // It was let in where it comes from.
  const bound = await to.bind({ ...key, subject, app, nowMs: firstSeenAtMs, replicasMax: Number.MAX_SAFE_INTEGER });
  if (bound?.subject !== subject) return;
  await to.noteSeen({ ...key, nowMs: lastSeenAtMs, app, ackedPosition });
  await to.setRevoked(key, revoked);
}
