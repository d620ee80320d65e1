/**
 * The application behind the page: its deciders on the store, the read model in line with the events, and the process
 * that asks for recounts.
 *
 * ```text
 * command ─▶ decider ─▶ one transaction: events, stock_levels ─▶ recount-needed ─▶ RecountTask ─▶ the same transaction
 * ```
 *
 * Every tab runs all of it, and may: the tracking record of the process lets one of them be the first at each count.
 *
 * @module
 */
import type { Observable, SqlRecorder } from 'daybook';
import {
  Application,
  InlineProjection,
  ProcessRunner,
  ProjectionRunner,
  SqlProjectionStore,
} from 'daybook/application';
import type { CommandOf, EventOf, FollowerStatus, NotifiedEvent, SqlView } from 'daybook/application';
import { recountNeeded } from './recount-process.js';
import { recountTask } from './recount-task-decider.js';
import { countOriginatorId } from './stock-events.js';
import { stockItem } from './stock-item-decider.js';
import type { CountOccasion } from './stock-item-decider.js';
import type { StockItem } from './stock-items.js';
import { readStockView, stockLevels } from './stock-levels.js';
import type { StockView } from './stock-levels.js';

/** An event of the demo, as it was recorded. */
export type StockEvent = NotifiedEvent<EventOf<typeof stockItem> | EventOf<typeof recountTask>>;

// Another tab can be first at the same item; to lose this often in a row, it would have to count without pause.
const COUNT_ATTEMPTS_MAX = 20;
// Every item and its recounts; the next count of one then reads what is new, not its whole history.
const CACHED_AGGREGATES_MAX = 100;
// Of a store that an older version of the app has filled: each transaction costs more than the events in it.
const CATCH_UP_EVENTS_MAX = 500;

/** What the application is made of. */
export interface StockApplicationParts {
  readonly recorder: SqlRecorder;
  /** Tells of what other tabs record. */
  readonly onRecorded: (listener: () => void) => () => void;
  readonly replicaId: string;
  readonly now: () => Date;
}

/** Counts and recounts of one device. */
export class StockApplication {
  readonly #parts: StockApplicationParts;
  readonly #application: Application;
  readonly #inline: InlineProjection<'stock_levels' | 'recounts'>;
  readonly #levels: ProjectionRunner<SqlView<'stock_levels' | 'recounts'>>;
  readonly #recounts: ProcessRunner;

  constructor(parts: StockApplicationParts) {
    const { recorder, onRecorded } = parts;
    this.#parts = parts;
    this.#inline = new InlineProjection({
      projection: stockLevels,
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
    this.#levels = new ProjectionRunner({
      projection: stockLevels,
      store: new SqlProjectionStore(recorder, stockLevels),
      log: this.#application,
      batchEventsMax: CATCH_UP_EVENTS_MAX,
    });
    this.#recounts = new ProcessRunner({
      process: recountNeeded,
      from: this.#application,
      into: this.#application,
    });
  }

  /** How the process is doing that asks for recounts. */
  get recountStatus(): Observable<FollowerStatus> {
    return this.#recounts.status;
  }

  /** Creates the read model where there is none, brings it up to date, and starts the process. */
  async start(): Promise<void> {
    await this.#inline.setUp();
    // What was recorded by an app that had no read model. Everything later is taken in with the event itself.
    await this.#levels.catchUp();
    this.#recounts.start();
  }

  /** Stops the process when what is in flight is done. */
  async close(): Promise<void> {
    await Promise.all([this.#recounts.close(), this.#levels.close()]);
  }

  /** Records a count, also when it confirms the last one. Resolves when it is durable, and in the read model. */
  async count(item: StockItem, quantity: number): Promise<void> {
    await this.#execute(item, (occasion) => ({ type: 'Count', data: { ...occasion, quantity } }));
  }

  /** Records a count that differs from the last one by a number of units, as far as there is room for it. */
  async step(item: StockItem, change: number): Promise<void> {
    await this.#execute(item, (occasion) => ({ type: 'CountStep', data: { ...occasion, change } }));
  }

  /** Reads the read model. */
  async view(): Promise<StockView> {
    return await readStockView(this.#parts.recorder);
  }

  /** Reads the events after a notification, oldest first. */
  async eventsAfter(notificationId: number): Promise<readonly StockEvent[]> {
    const events: StockEvent[] = [];
    const selection = { aggregates: [stockItem, recountTask], gt: notificationId };
    for await (const event of this.#application.readAll(selection)) events.push(event);
    return events;
  }

  /** The largest notification id. */
  async head(): Promise<number> {
    return await this.#parts.recorder.maxNotificationId();
  }

  async #execute(item: StockItem, commandOf: (occasion: CountOccasion) => CommandOf<typeof stockItem>): Promise<void> {
    const { sku, name, lastStocktakeQuantity } = item;
    const { now, replicaId } = this.#parts;
    const occurredAt = now();
    await this.#application.execute(
      stockItem,
      countOriginatorId(replicaId, sku),
      commandOf({ sku, name, lastStocktakeQuantity, countedAt: occurredAt.toISOString() }),
      { occurredAt, metadata: { actorId: replicaId }, retry: { attemptsMax: COUNT_ATTEMPTS_MAX } },
    );
  }
}
