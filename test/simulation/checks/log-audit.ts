/**
 * Looks at the server's log after every commit: nothing twice, no holes, nothing given away that was not there.
 *
 * @module
 */
import type { LogStorage, UnitRow } from '../../../src/server/log/log-storage.js';
import type { StoredEvent } from '../../../src/persistence/stored-event.js';
import type { UnitId } from '../../../src/persistence/unit.js';
import { readEvent, scopeOf } from '../world/stock.js';
import type { Scope, Stock } from '../world/stock.js';
import type { Witness } from './witness.js';

/** A unit as it is in the log. */
export interface LoggedUnit {
  readonly id: UnitId;
  readonly position: number;
  readonly events: readonly StoredEvent[];
  /** Of its events. */
  readonly scopes: ReadonlySet<Scope>;
}

/** Where the log is. */
export type LoggedTables = Pick<LogStorage, 'units' | 'events'>;

/** What of the log was looked at. */
export class LogAudit {
  units: LoggedUnit[] = [];
  readonly ids = new Map<UnitId, LoggedUnit>();
  readonly intents = new Map<string, UnitId>();
  readonly #tables: LoggedTables;
  readonly #witness: Witness;
  readonly #versions = new Map<string, number>();
  /** What each aggregate is at the end of the log. */
  readonly articles = new Map<string, Stock>();
  readonly #chains = new Map<number, string>();
  #rows: UnitRow[] = [];
  #looking: Promise<void> = Promise.resolve();

  constructor(tables: LoggedTables, witness: Witness) {
    this.#tables = tables;
    this.#witness = witness;
  }

  /** The chain after the unit that ends there, if one does. */
  chainAt(position: number): string | undefined {
    return this.#chains.get(position);
  }

  /** Looks at what is new. One look at a time: each takes no time. */
  look(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#look());
    return this.#looking;
  }

  async #look(): Promise<void> {
    const last = this.#rows.at(-1);
    const [same] = last === undefined ? [] : await this.#tables.units(last.position, 1);
    if (last !== undefined && same?.chain !== last.chain) this.#startAnew();
    const rows = await this.#tables.units((this.#rows.at(-1)?.position ?? 0) + 1, Infinity);
    for (const row of rows) {
      const { id, position, count, lastId } = row;
      const events = await this.#tables.events({ first: lastId - count + 1, last: lastId }, count);
      const before = this.#rows.at(-1)?.position ?? 0;
      if (position !== before + count) this.#fail(`${id} is at ${position}, with ${count} events after ${before}`);
      this.#rows.push(row);
      this.#chains.set(position, row.chain);
      const scopes = new Set(events.map(({ originatorId }) => scopeOf(originatorId)));
      this.#add({ id, position, events, scopes });
    }
  }

  #add(unit: LoggedUnit): void {
    const { id, events } = unit;
    if (this.ids.has(id)) this.#fail(`${id} is there twice`);
    this.ids.set(id, unit);
    this.units.push(unit);
    for (const event of events) {
      const { originatorId, originatorVersion } = event;
      const { intent, delta, name } = readEvent(event);
      const version = this.#versions.get(originatorId) ?? 0;
      if (originatorVersion !== version + 1) {
        this.#fail(`version ${originatorVersion} of ${originatorId} follows on ${version}`);
      }
      this.#versions.set(originatorId, originatorVersion);
      const before = this.articles.get(originatorId) ?? { name: '', free: 0 };
      const free = before.free + delta;
      this.articles.set(originatorId, { name: name ?? before.name, free });
      if (free < 0) this.#fail(`${originatorId} is at ${free} after ${intent}`);
      if ((this.intents.get(intent) ?? id) !== id) this.#fail(`${intent} is there twice, in ${id} too`);
      this.intents.set(intent, id);
    }
  }

  /** The log was set back. */
  #startAnew(): void {
    this.units = [];
    this.#rows = [];
    for (const known of [this.ids, this.intents, this.#versions, this.articles, this.#chains]) known.clear();
  }

  #fail(problem: string): void {
    this.#witness.fail(`in the log: ${problem}`);
  }
}
