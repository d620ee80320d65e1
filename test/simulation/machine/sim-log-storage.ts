/**
 * The database as a server reaches it: each statement takes a while, and fails where the database or the server is gone.
 * A transaction of a server that dies is rolled back, or was committed just before.
 *
 * @module
 */
import type { SeededRandom } from '../../soak/seeded-random.js';
import { OperationalError } from '../../../src/persistence/errors.js';
import { MemoryLogStorage } from '../../../src/server/log/memory-log-storage.js';
import type { LogStorage, LogTransaction } from '../../../src/server/log/log-storage.js';
import type { SimProcess } from './sim-process.js';

const STATEMENT_MS_MAX = 2;

/** The tables, and who is told of each commit. */
export class SimTables extends MemoryLogStorage {
  onCommit: () => void = () => undefined;

  override async transaction<T>(work: (transaction: LogTransaction) => Promise<T>): Promise<T> {
    const result = await super.transaction(work);
    this.onCommit();
    return result;
  }
}

/** How the database is. */
export interface DatabaseFaults {
  isDown: boolean;
  /** The share of statements that fail. */
  faultShare: number;
}

/** @returns the tables as a server reaches them */
export function reachedBy(
  tables: LogStorage,
  process: SimProcess,
  { faults, random }: { readonly faults: DatabaseFaults; readonly random: SeededRandom },
): LogStorage {
  const hop = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const fail = (): void => reject(new OperationalError('The connection to the database was lost.'));
      if (process.isDead) return fail();
      const stop = process.onDeath(fail);
      process.after(random.between(0, STATEMENT_MS_MAX), () => {
        stop();
        if (faults.isDown || (faults.faultShare > 0 && random.chance(faults.faultShare))) fail();
        else resolve();
      });
    });
  const read = async <T>(work: () => Promise<T>): Promise<T> => {
    await hop();
    return await work();
  };
  const within = (transaction: LogTransaction): LogTransaction => ({
    known: (ids) => read(() => transaction.known(ids)),
    events: (range, limit) => read(() => transaction.events(range, limit)),
    lock: (about) => read(() => transaction.lock(about)),
    view: (about) => read(() => transaction.view(about)),
    owners: (places) => read(() => transaction.owners(places)),
    record: (events) => read(() => transaction.record(events)),
    setAside: (ids) => read(() => transaction.setAside(ids)),
    tell: (events) => read(() => transaction.tell(events)),
    change: (change) => read(() => transaction.change(change)),
    within: (work) => transaction.within((inner) => work(within(inner))),
  });
  return {
    standing: () => read(() => tables.standing()),
    known: (ids) => read(() => tables.known(ids)),
    events: (range, limit) => read(() => tables.events(range, limit)),
    chains: (positions) => read(() => tables.chains(positions)),
    units: (from, limit) => read(() => tables.units(from, limit)),
    news: (from, limits) => read(() => tables.news(from, limits)),
    refused: (after, limit) => read(() => tables.refused(after, limit)),
    due: (limits) => read(() => tables.due(limits)),
    refusedByIds: (ids) => read(() => tables.refusedByIds(ids)),
    owners: (ids) => read(() => tables.owners(ids)),
    unitsOfAggregate: (id, after, upTo, limit) => read(() => tables.unitsOfAggregate(id, after, upTo, limit)),
    aggregates: (after, limit) => read(() => tables.aggregates(after, limit)),
    tails: (places, limit) => read(() => tables.tails(places, limit)),
    editions: (places) => read(() => tables.editions(places)),
    eventsOf: (id, which) => read(() => tables.eventsOf(id, which)),
    eventsIn: (ranges) => read(() => tables.eventsIn(ranges)),
    transaction: async (work) => {
      const result = await tables.transaction(async (transaction) => {
        const done = await work(within(transaction));
        // The commit is on its way.
        await hop();
        return done;
      });
      // And so is its answer: it is done, and nobody may hear of it.
      await hop();
      return result;
    },
  };
}
