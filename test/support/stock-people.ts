/** People who take from the same stock, each with a device, an application and views of the events in them. */
import { vi } from 'vitest';
import { Application } from '../../src/application/application.js';
import type { ApplicationOptions } from '../../src/application/application-options.js';
import type { RebasedUnit } from '../../src/application/commands/rebased-unit.js';
import { sqlProjection } from '../../src/application/projections/projection.js';
import type { SqlProjection } from '../../src/application/projections/projection.js';
import { defineDecider } from '../../src/domain/decider.js';
import { CommandError } from '../../src/domain/domain-errors.js';
import { command, event } from '../../src/domain/message-types.js';
import type { SqlQueryable } from '../../src/persistence/sql/sql-queryable.js';
import type { UnitId } from '../../src/persistence/unit.js';
import { startSync } from '../../src/sync/tabs/start-sync.js';
import type { Sync } from '../../src/sync/tabs/start-sync-options.js';
import { newOriginatorId } from '../../src/testing/conformance/event-samples.js';
import { bytesToUuid } from '../../src/util/uuid-bytes.js';
import { SceneStore, WAIT } from './sync-scene.js';
import type { Scene, SceneTab } from './sync-scene.js';

export interface Stock {
  readonly name: string;
  readonly free: number;
}

/** Receiving commutes, reserving is decided. */
export const stock = defineDecider({
  name: 'Stock',
  events: {
    Named: event<{ name: string }>(),
    Received: event<{ quantity: number }>({ isCommutative: true }),
    Reserved: event<{ quantity: number }>(),
  },
  commands: {
    Name: command<{ name: string }>(),
    Receive: command<{ quantity: number }>(),
    Reserve: command<{ quantity: number }>(),
    ReserveRest: command<object>(),
  },
  initialState: (): Stock => ({ name: '', free: 0 }),
  decide: {
    Name: ({ data }, { name }) => (data.name === name ? [] : { type: 'Named', data }),
    Receive: ({ data }) => ({ type: 'Received', data }),
    Reserve: ({ data }, { free }) => {
      if (data.quantity > free) throw new CommandError(`Only ${free} are there.`);
      return { type: 'Reserved', data };
    },
    ReserveRest: (_command, { free }) => (free === 0 ? [] : { type: 'Reserved', data: { quantity: free } }),
  },
  evolve: {
    Named: (state, { data }) => ({ ...state, name: data.name }),
    Received: (state, { data }) => ({ ...state, free: state.free + data.quantity }),
    Reserved: (state, { data }) => ({ ...state, free: state.free - data.quantity }),
  },
});

export type StockCommand = 'Name' | 'Receive' | 'Reserve' | 'ReserveRest';

/** One line for each event: its type, version and data. */
interface Line {
  readonly type: string;
  readonly originatorId: string;
  readonly originatorVersion: number;
  readonly data: object;
}

const lineOf = ({ type, originatorId, originatorVersion, data }: Line): string =>
  `${type} ${originatorVersion} of ${originatorId.slice(0, 8)}: ${JSON.stringify(data)}`;

/**
 * A view in which the order of all events shows, rows come, change, and go: what each aggregate has, those that have
 * nothing left aside, and one row that everything is added to.
 */
export function stockView<Name extends string>(
  name: Name,
): SqlProjection<`${Name}_stock` | `${Name}_trail` | `${Name}_names`> {
  const [stocks, trail, names] = [`${name}_stock`, `${name}_trail`, `${name}_names`] as const;
  const add = async (
    event: Line,
    { query, tables }: { query: SqlQueryable['query']; tables: Record<string, string> },
  ) => {
    await query(
      `INSERT INTO ${tables[trail] as string} VALUES (1, $1)
        ON CONFLICT (id) DO UPDATE SET lines = lines || char(10) || excluded.lines`,
      [lineOf(event)],
    );
  };
  const change = async (
    event: Line & { readonly data: { readonly quantity: number } },
    sign: number,
    view: { query: SqlQueryable['query']; tables: Record<string, string> },
  ): Promise<void> => {
    const { query, tables } = view;
    await query(
      `INSERT INTO ${tables[stocks] as string} VALUES ($1, $2) ON CONFLICT (item) DO UPDATE SET free = free + excluded.free`,
      [event.originatorId, sign * event.data.quantity],
    );
    await query(`DELETE FROM ${tables[stocks] as string} WHERE free = 0`);
    await add(event, view);
  };
  const definition = sqlProjection({
    name,
    from: [stock],
    tables: {
      [stocks]: (table: string) => `CREATE TABLE ${table} (item TEXT PRIMARY KEY, free INTEGER NOT NULL)`,
      [trail]: (table: string) => `CREATE TABLE ${table} (id INTEGER PRIMARY KEY, lines TEXT NOT NULL)`,
      // A name is of one item only: the last that was given it.
      [names]: (table: string) =>
        `CREATE TABLE ${table} (name TEXT NOT NULL UNIQUE, item TEXT NOT NULL, PRIMARY KEY (item)) WITHOUT ROWID`,
    },
    on: {
      Received: (event, view) => change(event, 1, view),
      Reserved: (event, view) => change(event, -1, view),
      Named: async (event, view) => {
        const { query, tables } = view as { query: SqlQueryable['query']; tables: Record<string, string> };
        await query(`REPLACE INTO ${tables[names] as string} VALUES ($1, $2)`, [event.data.name, event.originatorId]);
        await add(event, view);
      },
    },
  });
  return definition;
}

/** What is in such a view. */
export interface StockRows {
  readonly lines: readonly string[];
  readonly free: Readonly<Record<string, number>>;
  readonly names: Readonly<Record<string, string>>;
}

export async function readStockView(sql: SqlQueryable, name: string): Promise<StockRows> {
  const { rows: trail } = await sql.query(`SELECT lines FROM ${name}_trail`);
  const { rows: free } = await sql.query(`SELECT item, free FROM ${name}_stock ORDER BY item`);
  const { rows: names } = await sql.query(`SELECT item, name FROM ${name}_names ORDER BY item`);
  return {
    lines: trail.flatMap(({ lines }) => String(lines).split('\n')),
    free: Object.fromEntries(free.map((row) => [String(row['item']), Number(row['free'])])),
    names: Object.fromEntries(names.map((row) => [String(row['item']), String(row['name'])])),
  };
}

/** What follows from events in their order, by no code of the library's. */
export function foldStock(events: readonly Line[]): StockRows {
  const free = new Map<string, number>();
  const names = new Map<string, string>();
  for (const { type, originatorId: item, data } of events) {
    const { quantity = 0, name = '' } = data as { quantity?: number; name?: string };
    if (type === 'Named') {
      for (const [other, given] of names) if (given === name) names.delete(other);
      names.set(item, name);
      continue;
    }
    const now = (free.get(item) ?? 0) + (type === 'Received' ? quantity : -quantity);
    if (now === 0) free.delete(item);
    else free.set(item, now);
  }
  const sorted = <T>(map: Map<string, T>): Record<string, T> =>
    Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1)));
  return { lines: events.map(lineOf), free: sorted(free), names: sorted(names) };
}

/** Which events: what is confirmed, in the server's order; and what is pending, after it. */
export type Which = 'confirmed' | 'all';

/** A device with an application of its own, which synchronises when it is told to. */
export class StockPerson {
  readonly rebased: RebasedUnit[] = [];
  readonly tab: SceneTab;
  readonly app: Application;
  readonly #scene: Scene;
  #sync: Sync | undefined;
  #isAlone = false;

  private constructor(scene: Scene, tab: SceneTab, app: Application) {
    this.#scene = scene;
    this.tab = tab;
    this.app = app;
  }

  /** @param options - of the application, made when the store is open */
  static async of(
    scene: Scene,
    options: (tab: SceneTab, decode: Application['decode']) => Promise<Partial<ApplicationOptions>> = async () => ({}),
  ): Promise<StockPerson> {
    const tab = await scene.openTab(new SceneStore(newOriginatorId()));
    let app: Application | undefined = undefined;
    const decode: Application['decode'] = (notification) => (app as unknown as Application).decode(notification);
    app = new Application({
      ...{ recorder: tab.inside, aggregates: [stock], keepCommands: true },
      onRecorded: (listener) => tab.store.onRecorded(listener),
      ...(await options(tab, decode)),
    });
    return new StockPerson(scene, tab, app);
  }

  async do(id: string, type: StockCommand, data: object = {}): Promise<UnitId> {
    const unitId = crypto.randomUUID();
    await this.app.execute(stock, id, { type, data } as never, {
      ...{ unit: { id: unitId }, metadata: { actorId: 'anna' } },
      // Others of the same device may be faster.
      retry: { attemptsMax: 5 },
    });
    return unitId;
  }

  /**
   * Goes online until nothing is left to do.
   *
   * @param options - `alone`: by somebody who knows of events and no application, as a service worker
   */
  async synchronise({ alone = false }: { readonly alone?: boolean } = {}): Promise<Sync> {
    if (alone !== this.#isAlone) await this.offline();
    this.#isAlone = alone;
    this.#sync ??= startSync({
      ...{
        store: this.tab.store,
        ...(alone ? {} : { application: this.app }),
        url: 'http://books.test',
        getToken: () => 'secret',
      },
      ...{ live: false, clock: this.#scene.clock, random: () => 0.999_999, fetch: this.#scene.fetch },
      onRebased: (units) => this.rebased.push(...units),
    });
    const { status } = this.#sync;
    const { lastSuccessAtMs } = status.value;
    this.#scene.clock.advance(1);
    this.#sync.syncNow();
    await vi.waitUntil(() => {
      const { state, pending, lastSuccessAtMs: last } = status.value;
      if (state === 'live' && pending === 0 && last !== lastSuccessAtMs) return true;
      // Who has lost to others waits for a moment.
      this.#scene.clock.advance(1);
      return false;
    }, WAIT);
    return this.#sync;
  }

  async offline(): Promise<void> {
    await this.#sync?.close();
    this.#sync = undefined;
  }

  /** The events of the store, in the order in which a view of them is. */
  async events(which: Which = 'all'): Promise<readonly Line[]> {
    const { rows } = await this.tab.inside.query(
      `SELECT e.*, u.position FROM daybook_units AS u
        CROSS JOIN stored_events AS e ON e.notification_id >= u.first_id AND e.notification_id < u.first_id + u.events
        ORDER BY u.position IS NULL, u.position, e.notification_id`,
    );
    const wanted = rows.filter(({ position }) => which === 'all' || position !== null);
    return await Promise.all(
      wanted.map((row) =>
        this.app.decode({
          id: Number(row['notification_id']),
          originatorId: bytesToUuid(row['originator_id'] as Uint8Array),
          originatorVersion: Number(row['originator_version']),
          topic: String(row['topic']),
          state: row['state'] as Uint8Array,
        }),
      ),
    );
  }

  /** What a view has to be, if it is of these events. */
  async expected(which: Which = 'all'): Promise<StockRows> {
    return foldStock(await this.events(which));
  }

  async state(id: string): Promise<Stock> {
    return (await this.app.repository.load(stock, id)).state;
  }
}
