/**
 * The application behind the page: its deciders on the store, the read model in line with the events, and the process
 * that asks for recounts.
 *
 * ```text
 * command ─▶ decider ─▶ one transaction: events, stock_entries
 * page of the books ─▶ one transaction: its events, own commands decided again, stock_entries ─▶ decided_again
 *                       └▶ what it confirms ─▶ recount-needed ─▶ RecountTask
 * ```
 *
 * Every tab runs all of it, and may: the tracking record of the process lets one of them be the first at each count, and
 * the read model's own position decides who takes in what others have recorded.
 *
 * @module
 */
import type { LiveQueries, LiveQuery, LiveReads } from 'daybook/live';
import type { DaybookRecorder, Observable, SqlRecorder } from 'daybook';
import {
  Application,
  InlineProjection,
  ProcessRunner,
  ProjectionRunner,
  SqlProjectionStore,
} from 'daybook/application';
import type { CommandOf, FollowerStatus, ProjectionStatus, RebasedUnit, SqlView } from 'daybook/application';
import { DecidedAgainTable } from './decided-again.js';
import type { DecidedAgain } from './decided-again.js';
import { recountNeeded } from './recount-process.js';
import { recountTask } from './recount-task-decider.js';
import type { RecountTaskState } from './recount-task-decider.js';
import { readEntries, stockEntries } from './stock-entries.js';
import type { EntriesView, EntryTable } from './stock-entries.js';
import { recountOriginatorId } from './stock-events.js';
import type { Counter } from './stock-events.js';
import { CountedMeanwhileError, stockItem } from './stock-item-decider.js';
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
  readonly recorder: SqlRecorder & Pick<DaybookRecorder, 'findUnits'>;
  /** Of the recorder. Closed with the application. */
  readonly live: LiveQueries;
  /** Tells of what other tabs record, and of what comes from the server. */
  readonly onRecorded: (listener: () => void) => () => void;
  readonly replicaId: string;
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
  /** Without what somebody has seen. */
  readonly decidedAgain: readonly DecidedAgain[];
}

/** What was set aside of an item, as it can be recorded after all. */
export interface SetAsideCount {
  readonly unitIds: readonly string[];
  readonly quantity: number;
  /** When it was counted, and by whom. */
  readonly at: Date;
  readonly by: Counter;
}

/** Counts and recounts, as one device knows and makes them. */
export class StockApplication {
  readonly #parts: StockApplicationParts;
  readonly #application: Application;
  readonly #decidedAgain: DecidedAgainTable;
  readonly #inline: InlineProjection<EntryTable>;
  readonly #entries: ProjectionRunner<SqlView<EntryTable>>;
  readonly #recounts: ProcessRunner;

  constructor(parts: StockApplicationParts) {
    const { recorder, onRecorded, replicaId } = parts;
    this.#parts = parts;
    this.#decidedAgain = new DecidedAgainTable(recorder);
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
      // So that they are decided again when the counts of others were first.
      keepCommands: true,
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
      // Whoever is sent to a shelf is sent for something that stays.
      follows: 'confirmed',
    });
  }

  /** Decides again what gave way to others: for `startSync`, together with {@link noteRebased}. */
  get decider(): Application {
    return this.#application;
  }

  /** How the process is doing that asks for recounts. */
  get recountStatus(): Observable<FollowerStatus> {
    return this.#recounts.status;
  }

  /** How the list of entries is doing that takes in what others have recorded. */
  get entriesStatus(): Observable<ProjectionStatus> {
    return this.#entries.status;
  }

  /**
   * Creates the tables where there are none, brings them up to date and keeps them so, and starts the process. To be
   * called before anything is recorded or fetched.
   */
  async start(): Promise<void> {
    await Promise.all([this.#inline.setUp(), this.#decidedAgain.setUp()]);
    // What is recorded here is taken in with the event itself; this is for what comes from others, and came before.
    await this.#entries.catchUp();
    await this.#entries.start();
    this.#recounts.start();
  }

  /** Stops what runs when what is in flight is done. */
  async close(): Promise<void> {
    await Promise.all([this.#recounts.close(), this.#entries.close(), this.#parts.live.close()]);
  }

  /** Records a count, also when it confirms the last one. Resolves when it is durable, and in the read model. */
  async count(item: StockItem, quantity: number, counterName: string): Promise<void> {
    const knownQuantity = await this.#quantityOf(item);
    const data = { ...this.#occasion(item, counterName), quantity, knownQuantity };
    await this.#execute(item, { type: 'Count', data });
  }

  /** Records that there are so many more, or fewer, as far as there is room. */
  async step(item: StockItem, change: number, counterName: string): Promise<void> {
    const data = { ...this.#occasion(item, counterName), change };
    await this.#execute(item, { type: 'CountStep', data });
  }

  /**
   * Records what was set aside after all, in place of what stands now: as one count, which was made when it was made.
   *
   * @throws CountedMeanwhileError (`COUNTED_MEANWHILE`) when somebody has counted the item at this very moment
   */
  async useSetAside(item: StockItem, { unitIds, quantity, at, by }: SetAsideCount): Promise<void> {
    const { setAside } = this.#application;
    const last = unitIds.at(-1);
    if (last === undefined) return;
    const command: CommandOf<typeof stockItem> = {
      type: 'Count',
      data: {
        ...{ ...occasionOf(item, by, at), quantity },
        // Now it is known what stands there.
        knownQuantity: await this.#quantityOf(item),
      },
    };
    const instead = { commands: [{ aggregateType: stockItem.name, aggregateId: item.id, command }] };
    const [outcome] = await setAside.retry(last, instead);
    if (outcome?.reason !== undefined) throw new CountedMeanwhileError(outcome.reason.message);
    await this.giveUp(unitIds.slice(0, -1));
  }

  /** Tries again what was set aside, just as it was asked for. */
  async retry(unitIds: readonly string[]): Promise<void> {
    await this.#application.setAside.retry(unitIds);
  }

  /** Gives up what was set aside, for good. */
  async giveUp(unitIds: readonly string[]): Promise<void> {
    if (unitIds.length > 0) await this.#application.setAside.discard(unitIds);
  }

  /** Keeps what is to be said of units that gave way to others': for `startSync`, which says it once, in one tab. */
  async noteRebased(units: readonly RebasedUnit[]): Promise<void> {
    await this.#decidedAgain.note(units, this.#parts.now());
  }

  /** Takes that somebody has seen what was decided again. */
  async dismiss(unitIds: readonly string[]): Promise<void> {
    await this.#decidedAgain.dismiss(unitIds);
  }

  /**
   * What is made of what there is to show: made again when some of it was written, by this tab, another one, or a page of the
   * books. Entries that are as they were stay the same objects.
   *
   * @param entriesMax - the newest of all entries
   */
  watch<T>(items: readonly StockItem[], entriesMax: number, make: (view: StockView) => T): LiveQuery<T> {
    const { live } = this.#parts;
    return live.query(async (read) => make(await this.#view(read, items, entriesMax)), { key: 'notificationId' });
  }

  async #view(read: LiveReads, items: readonly StockItem[], entriesMax: number): Promise<StockView> {
    // Asked in one go where that is possible, because each question to the worker takes its time.
    const [entries, setAside, decidedAgain, views] = await Promise.all([
      readEntries(read, entriesMax),
      readSetAside(this.#application),
      this.#decidedAgain.read(read),
      Promise.all(items.map((item) => this.#viewOf(read, item))),
    ]);
    // Neither is in a table of ours: who waits for the books, and who is set aside, is how units stand.
    read.note({ tables: ['daybook_units'] });
    const places = await readPlaces(this.#parts.recorder, entries);
    return { ...entries, setAside, decidedAgain, places, items: views };
  }

  async #viewOf(read: LiveReads, item: StockItem): Promise<ItemView> {
    // Of their events and not of the read model: these have an order of their own, which the books may give later.
    const [{ state }, { state: recount }] = await Promise.all([
      read.load(this.#application, stockItem, item.id),
      read.load(this.#application, recountTask, recountOriginatorId(item.id)),
    ]);
    return { item, state, recount };
  }

  async #quantityOf({ id, lastStocktakeQuantity }: StockItem): Promise<number> {
    const { state } = await this.#application.repository.loadOrCreate(stockItem, id);
    return state.quantity ?? lastStocktakeQuantity;
  }

  #occasion(item: StockItem, name: string): CountOccasion {
    const { now, replicaId: deviceId } = this.#parts;
    return occasionOf(item, { deviceId, name }, now());
  }

  async #execute({ id }: StockItem, command: CommandOf<typeof stockItem>): Promise<void> {
    await this.#application.execute(stockItem, id, command, {
      occurredAt: new Date(command.data.countedAt),
      metadata: { actorId: this.#parts.replicaId },
      retry: { attemptsMax: COUNT_ATTEMPTS_MAX },
    });
  }
}

function occasionOf(
  { sku, name, lastStocktakeQuantity }: StockItem,
  countedBy: Counter,
  countedAt: Date,
): CountOccasion {
  return { sku, name, countedBy, countedAt: countedAt.toISOString(), lastStocktakeQuantity };
}
