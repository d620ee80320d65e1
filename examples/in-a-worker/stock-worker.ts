import { Application, InlineProjection } from 'daybook/application';
import { openStore, serve } from 'daybook/host';
import type { HostedStore } from 'daybook/host';
import { stockItem } from '../projections/stock-item.js';
import { stockLevels } from '../projections/stock-levels.js';

/** The application, beside its store: what it asks of the store crosses no boundary. The page calls these methods. */
export class StockWorker {
  #store: HostedStore | undefined;
  #app: Application | undefined;

  /** Opens the store, and the view that changes in the transaction of the events. */
  async open(name: string): Promise<void> {
    const store = await openStore({ name });
    const app: Application = new Application({ recorder: store.recorder, aggregates: [stockItem] });
    const levels = new InlineProjection({
      projection: stockLevels,
      recorder: store.recorder,
      decode: (notification) => app.decode(notification),
    });
    await levels.setUp();
    this.#store = store;
    this.#app = new Application({ recorder: store.recorder, aggregates: [stockItem], inline: [levels] });
  }

  /** @returns the version of the item */
  async count(itemId: string, quantity: number): Promise<number> {
    const command = { type: 'Count', data: { quantity } } as const;
    // Another tab may be first: then it is decided again, here, where that costs nothing.
    const { version } = await this.#opened().execute(stockItem, itemId, command, { retry: { attemptsMax: 5 } });
    return version;
  }

  /** Reads the view: it holds whatever `count` has resolved for. */
  async level(itemId: string): Promise<number> {
    const rows = await this.#store?.recorder.query('SELECT quantity FROM stock_levels WHERE item_id = $1', [itemId]);
    return Number(rows?.rows[0]?.['quantity'] ?? 0);
  }

  async close(): Promise<void> {
    await this.#store?.close();
  }

  #opened(): Application {
    if (this.#app === undefined) throw new Error('Open the store first.');
    return this.#app;
  }
}

serve(new StockWorker());
