/**
 * The application behind the page: its deciders on the store, the read model in line with the events, and the process
 * that asks for recounts.
 *
 * ```text
 * command ─▶ decider ─▶ one transaction: events, stock_entries ─▶ recount-needed ─▶ RecountTask ─▶ the same transaction
 * page of the books ─▶ store ─▶ stock_entries follow
 * ```
 *
 * Every tab runs all of it, and may: the tracking record of the process lets one of them be the first at each count, and
 * the read model's own position decides who takes in what others have recorded.
 *
 * @module
 */
import type { DaybookRecorder, Observable, SqlRecorder } from 'daybook';
import {
  Application,
  InlineProjection,
  ProcessRunner,
  ProjectionRunner,
  SqlProjectionStore,
} from 'daybook/application';
import type { CommandOf, FollowerStatus, ProjectionStatus, SqlView } from 'daybook/application';
import { recountNeeded } from './recount-process.js';
import { recountTask } from './recount-task-decider.js';
import type { RecountTaskState } from './recount-task-decider.js';
import { readEntries, stockEntries } from './stock-entries.js';
import type { EntriesView, EntryTable } from './stock-entries.js';
import { recountOriginatorId } from './stock-events.js';
import { stockItem } from './stock-item-decider.js';
import type { CountOccasion, StockItemState } from './stock-item-decider.js';
import type { StockItem } from './stock-items.js';
import { readPlaces, readSetAside } from './stock-standings.js';
import type { EntryPlace, SetAsideCommit } from './stock-standings.js';

// Another tab can be first at the same item; to lose this often in a row, it would have to count without pause.
const COUNT_ATTEMPTS_MAX = 20;
// Every item and its recounts; the next count of one then reads what is new, not its whole history.
const CACHED_AGGREGATES_MAX = 100;
// Of a store that has fetched the counts of others: each transaction costs more than the events in it.
const CATCH_UP_EVENTS_MAX = 500;

/** What the application is made of. */
export interface StockApplicationParts {
  readonly recorder: SqlRecorder & Pick<DaybookRecorder, 'findUnits' | 'selectSetAside'>;
  /** Tells of what other tabs record, and of what comes from the server. */
  readonly onRecorded: (listener: () => void) => () => void;
  readonly replicaId: string;
  /** What the person in front of this device goes by. */
  readonly counterName: () => string;
  readonly now: () => Date;
}

/** An item as it stands, whoever has counted it. */
export interface ItemView {
  readonly item: StockItem;
  readonly state: StockItemState;
  readonly recount: RecountTaskState;
}

/** All that the page shows of the store. */
export interface StockView extends EntriesView {
  /** In the order in which they were asked for. */
  readonly items: readonly ItemView[];
  /** Where entries are, by notification id; of one that has left the store there is nothing. */
  readonly places: ReadonlyMap<number, EntryPlace>;
  readonly setAside: readonly SetAsideCommit[];
}

/** Counts and recounts, as one device knows and makes them. */
export class StockApplication {
  readonly #parts: StockApplicationParts;
  readonly #application: Application;
  readonly #inline: InlineProjection<EntryTable>;
  readonly #entries: ProjectionRunner<SqlView<EntryTable>>;
  readonly #recounts: ProcessRunner;
  readonly #views = new Map<string, { readonly mark: string; readonly view: ItemView }>();

  constructor(parts: StockApplicationParts) {
    const { recorder, onRecorded, replicaId } = parts;
    this.#parts = parts;
    this.#inline = new InlineProjection({
      projection: stockEntries,
      recorder,
      decode: (notification) => this.#application.decode(notification),
    });
    this.#application = new Application({
      name: 'stock-count',
      recorder,
      onRecorded,
      aggregates: [stockItem, recountTask],
      inline: [this.#inline],
      cache: { aggregatesMax: CACHED_AGGREGATES_MAX },
    });
    this.#entries = new ProjectionRunner({
      projection: stockEntries,
      store: new SqlProjectionStore(recorder, stockEntries),
      log: this.#application,
      batchEventsMax: CATCH_UP_EVENTS_MAX,
    });
    this.#recounts = new ProcessRunner({
      process: recountNeeded(replicaId),
      from: this.#application,
      into: this.#application,
    });
  }

  /** How the process is doing that asks for recounts. */
  get recountStatus(): Observable<FollowerStatus> {
    return this.#recounts.status;
  }

  /** How the list of entries is doing that takes in what others have recorded. */
  get entriesStatus(): Observable<ProjectionStatus> {
    return this.#entries.status;
  }

  /** Creates the read model where there is none, brings it up to date and keeps it so, and starts the process. */
  async start(): Promise<void> {
    await this.#inline.setUp();
    // What is recorded here is taken in with the event itself; this is for what comes from others, and came before.
    await this.#entries.catchUp();
    await this.#entries.start();
    this.#recounts.start();
  }

  /** Stops what runs when what is in flight is done. */
  async close(): Promise<void> {
    await Promise.all([this.#recounts.close(), this.#entries.close()]);
  }

  /**
   * Records a count, also when it confirms the last one. Resolves when it is durable, and in the read model.
   *
   * @param settles - units that were set aside, and that it stands for
   */
  async count(item: StockItem, quantity: number, settles?: readonly string[]): Promise<void> {
    await this.#execute(item, settles, (occasion) => ({ type: 'Count', data: { ...occasion, quantity } }));
  }

  /** Records that there are so many more, or fewer, as far as there is room. @param settles - as of {@link count} */
  async step(item: StockItem, change: number, settles?: readonly string[]): Promise<void> {
    await this.#execute(item, settles, (occasion) => ({ type: 'CountStep', data: { ...occasion, change } }));
  }

  /** Reads what there is to show. @param entriesMax - the newest of all entries */
  async view(items: readonly StockItem[], entriesMax: number): Promise<StockView> {
    const { recorder } = this.#parts;
    // Asked in one go where that is possible, because each question to the worker takes its time.
    const [entries, setAside] = await Promise.all([
      readEntries(recorder, entriesMax),
      readSetAside(recorder, (notification) => this.#application.decode(notification)),
    ]);
    const places = await readPlaces(recorder, entries);
    const views = await Promise.all(
      items.map((item) => {
        const lastId = entries.lastIds.get(item.sku);
        return this.#viewOf(item, `${lastId} ${lastId === undefined ? '' : places.get(lastId)}`);
      }),
    );
    return { ...entries, setAside, places, items: views };
  }

  /** @param mark - of its last entry, and where that is: nothing happens to an item without another one */
  async #viewOf(item: StockItem, mark: string): Promise<ItemView> {
    const seen = this.#views.get(item.id);
    if (seen?.mark === mark) return seen.view;
    const view = await this.#readView(item);
    this.#views.set(item.id, { mark, view });
    return view;
  }

  async #readView(item: StockItem): Promise<ItemView> {
    const { repository } = this.#application;
    // Of their events and not of the read model: these have an order of their own, which the books may give later.
    const [{ state }, { state: recount }] = await Promise.all([
      repository.loadOrCreate(stockItem, item.id),
      repository.loadOrCreate(recountTask, recountOriginatorId(item.id)),
    ]);
    return { item, state, recount };
  }

  async #execute(
    item: StockItem,
    settles: readonly string[] | undefined,
    commandOf: (occasion: CountOccasion) => CommandOf<typeof stockItem>,
  ): Promise<void> {
    const { id, sku, name, lastStocktakeQuantity } = item;
    const { now, replicaId: deviceId, counterName } = this.#parts;
    const occurredAt = now();
    const occasion = {
      ...{ sku, name, countedBy: { deviceId, name: counterName() }, lastStocktakeQuantity },
      ...{ countedAt: occurredAt.toISOString(), ...(settles === undefined ? {} : { settles }) },
    };
    await this.#application.execute(stockItem, id, commandOf(occasion), {
      occurredAt,
      metadata: { actorId: deviceId },
      retry: { attemptsMax: COUNT_ATTEMPTS_MAX },
    });
  }
}
