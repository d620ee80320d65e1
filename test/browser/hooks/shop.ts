/** What every adapter shows: the stock of a shop, over a real store, with what a test has to see of it. */
import { openDaybook } from 'daybook';
import type { Daybook } from 'daybook';
import { Application, command, defineDecider, event } from 'daybook/application';
import { createClient } from 'daybook/hooks';
import type { ClientOptions, ClientParts, DaybookClient, LiveReads, LiveState } from 'daybook/hooks';
import { LiveQueries } from 'daybook/live';
import { SqlStateStore, stateOf } from 'daybook/states';
import type { FoundState } from 'daybook/states';
import { startSync } from 'daybook/sync';
import type { Sync, SyncStatus } from 'daybook/sync';
import { onTestFinished } from 'vitest';
import { newStoreName } from '../open-store.js';

/** A thing on a shelf. */
export interface Item {
  readonly name: string;
  readonly quantity: number;
}

export const stockItem = defineDecider({
  name: 'StockItem',
  events: { Counted: event<Item>() },
  commands: { Count: command<Item>() },
  initialState: (): Item => ({ name: '', quantity: 0 }),
  decide: {
    Count: ({ data }) => {
      if (data.quantity < 0) throw new RangeError('Nobody counts less than nothing.');
      return { type: 'Counted', data };
    },
  },
  evolve: { Counted: (_state, { data }) => data },
});

export const items = stateOf(stockItem, { name: 'items', indexes: ['quantity'] });

export interface ShopParts extends ClientParts {
  readonly daybook: Daybook;
  readonly states: SqlStateStore;
  readonly app: Application;
  readonly live: LiveQueries;
  readonly sync?: Sync | undefined;
}

export type ShopClient = DaybookClient<ShopParts>;

/** What is shown of those of which there are few. */
export const fewItems = (read: LiveReads, { states }: ShopParts, below: number): Promise<readonly FoundState<Item>[]> =>
  read.find(states, items, { where: { quantity: { lt: below } }, orderBy: 'name' });

/** Opens a store as an application does. */
export async function openShop(
  name: string,
  signal?: AbortSignal,
  fetch?: typeof globalThis.fetch,
): Promise<ShopParts> {
  const daybook = await openDaybook({ name, ...(signal === undefined ? {} : { signal }) });
  const { recorder } = daybook;
  const states = new SqlStateStore({ recorder, states: [items] });
  await states.setUp();
  const app: Application = new Application({
    recorder,
    aggregates: [stockItem],
    inline: [states.inline((notification) => app.decode(notification))],
  });
  const live = new LiveQueries({ recorder });
  const sync =
    fetch === undefined ? undefined : startSync({ store: daybook, url: 'https://shop.example', live: false, fetch });
  return { daybook, states, app, live, sync };
}

/** A client of a new store, closed when the test ends. */
export function shopClient(
  options: Partial<ClientOptions<ShopParts>> & { readonly fetch?: typeof globalThis.fetch } = {},
): ShopClient & { readonly opened: ShopParts[] } {
  const { fetch, ...rest } = options;
  const name = options.name ?? newStoreName();
  const opened: ShopParts[] = [];
  const client = createClient<ShopParts>({
    name,
    open: async (signal) => {
      const parts = await openShop(name, signal, fetch);
      opened.push(parts);
      return parts;
    },
    ...rest,
  });
  onTestFinished(() => client.close());
  return Object.assign(client, { opened });
}

/** What a test sees of what was rendered: the objects themselves, beside the page. */
export class Seen {
  /** The rows of each rendering in which they were others. */
  readonly rows: (readonly FoundState<Item>[])[] = [];
  renderings = 0;

  readonly note = (state: LiveState<readonly FoundState<Item>[]>): void => {
    this.renderings += 1;
    const { data } = state;
    if (data !== undefined && data !== this.rows.at(-1)) this.rows.push(data);
  };
}

/** What a component is given. */
export interface ShopProps {
  readonly below: number;
  readonly id: string;
  readonly seen: Seen;
  /** Executes a command that the test asks for. */
  readonly onReady: (actions: ShopActions) => void;
}

/** What a person can do. */
export interface ShopActions {
  readonly count: (id: string, item: Item) => Promise<unknown>;
  /** By a function of the application's own. */
  readonly countAll: (ids: readonly string[], quantity: number) => Promise<unknown>;
  readonly reset: () => void;
  readonly retry: () => void;
}

/** A function of the application's own, as a command. */
export const countAll = async (
  { app }: ShopParts,
  ids: readonly string[],
  quantity: number,
): Promise<{ readonly notificationIds: readonly number[] }> => {
  const executed = await app.executeAll(
    ids.map((id) => [stockItem, id, { type: 'Count', data: { name: 'all', quantity } }] as const),
  );
  return { notificationIds: executed.flatMap(({ notificationIds }) => notificationIds) };
};

/** What is shown of each part, as text: the same words in every framework. */
export const words = {
  view: ({ status, data, error }: LiveState<readonly FoundState<Item>[]>): string =>
    `${status}${error === undefined ? '' : ` (${error.message})`}: ${(data ?? []).map(({ data: { name, quantity } }) => `${name} ${String(quantity)}`).join(', ')}`,
  aggregate: ({ data }: LiveState<{ readonly version: number; readonly state: Item }>): string =>
    data === undefined ? '…' : `v${String(data.version)} ${String(data.state.quantity)}`,
  events: ({ data }: LiveState<readonly unknown[]>): string => (data === undefined ? '…' : String(data.length)),
  command: ({ pending, error, result, receipt }: CommandWords): string =>
    `${pending ? 'pending' : 'idle'}|${error?.message ?? ''}|${result === undefined ? '' : 'done'}|${receipt ?? ''}`,
  sync: (status: SyncStatus | undefined): string => status?.state ?? 'none',
};

interface CommandWords {
  readonly pending: boolean;
  readonly error: Error | undefined;
  readonly result: unknown;
  readonly receipt: string | undefined;
}

/** What a server shows of it: `test/hooks/on-a-server.test.ts` sees to it. */
export const SERVER_HTML: string =
  '<section><p data-part="store">closed</p><p data-part="view">loading: </p><p data-part="many">loading: </p>' +
  '<p data-part="aggregate">…</p><p data-part="events">…</p><p data-part="command">idle|||</p>' +
  '<p data-part="all">idle|||</p><p data-part="sync">none</p></section>';

/** A component on the page. */
export interface Mounted {
  update(props: { readonly below?: number; readonly id?: string }): void | Promise<void>;
  unmount(): void | Promise<void>;
}

/** How an adapter shows the shop. */
export interface ShopAdapter {
  /** Shows it in an element. `strict`: as development does, where the framework has that. */
  mount(
    container: HTMLElement,
    client: ShopClient,
    props: ShopProps,
    options?: { readonly provided?: ShopClient | undefined },
  ): Mounted;
  /** As a server shows it, and then as a page takes it over. Absent where that needs components that are compiled for it. */
  render?(client: ShopClient, props: ShopProps): string | Promise<string>;
  hydrate?(container: HTMLElement, client: ShopClient, props: ShopProps): Mounted;
  /** Shows the items by the suspending form, with `…` until then, and the message of what it fails with. */
  suspend?(container: HTMLElement, client: ShopClient, below: number): Mounted;
}
