/**
 * Bugs of a server's log, put in front of sound tables.
 *
 * @module
 */
import type { SnapshotStore } from '../../../src/persistence/snapshot-store.js';
import type { LogChange, LogStorage, LogTransaction } from '../../../src/server/log/log-storage.js';

type Snapshots = Pick<SnapshotStore, 'select'>;
type WrapStorage = (storage: LogStorage) => LogStorage;

/** Events in one transaction, and that they are a unit in the next. */
export const unitRowApart: WrapStorage = (storage) => ({
  ...storage,
  async transaction(work) {
    const changes: LogChange[] = [];
    const later = (transaction: LogTransaction): LogTransaction => ({
      ...transaction,
      async change(change) {
        changes.push(change);
      },
    });
    const result = await storage.transaction((transaction) => work(later(transaction)));
    for (const change of changes) await storage.transaction((transaction) => transaction.change(change));
    return result;
  },
});

/** Does not look whether it has a unit already. */
export const forgetUnits: WrapStorage = (storage) => ({
  ...storage,
  known: () => Promise.resolve(new Map()),
  transaction: (work) =>
    storage.transaction((transaction) =>
      work({
        ...transaction,
        lock: () => transaction.lock(),
        async view(about) {
          return { ...(await transaction.view(about)), known: new Map() };
        },
      }),
    ),
});

/** Hands on the state that another aggregate has. */
export function wrongSnapshot(snapshots: Snapshots): Snapshots {
  let before: Uint8Array | undefined;
  return {
    async select(originatorId) {
      const found = await snapshots.select(originatorId);
      const state = before ?? found?.state;
      before = found?.state ?? before;
      return found === undefined || state === undefined ? found : { ...found, state };
    },
  };
}
