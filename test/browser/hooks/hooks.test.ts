/** One behaviour for all adapters, over real stores: what is shown, when, of which store, and what is left when it is gone. */
import { createClient } from 'daybook/hooks';
import { createSyncServer, MemoryUnitLog } from 'daybook/server';
import { newOriginatorId } from 'daybook/testing';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { newStoreName, withWorkers } from '../open-store.js';
import { angularShop } from './angular-shop.js';
import { preactShop } from './preact-shop.js';
import { reactShop } from './react-shop.js';
import { fewItems, openShop, Seen, SERVER_HTML, shopClient, stockItem } from './shop.js';
import type { Item, Mounted, ShopActions, ShopAdapter, ShopClient, ShopParts, ShopProps } from './shop.js';
import { solidShop } from './solid-shop.js';
import { svelteShop } from './svelte-shop.svelte.js';
import { vueShop } from './vue-shop.js';

// What the adapters have in common is under all of them: in one browser, one is enough.
const ADAPTERS: Readonly<Record<string, ShopAdapter>> = navigator.userAgent.includes('Firefox')
  ? { React: reactShop }
  : {
      React: reactShop,
      Preact: preactShop,
      Vue: vueShop,
      Svelte: svelteShop,
      Solid: solidShop,
      Angular: angularShop,
    };

/** The shop on the page. */
class Page {
  readonly container: HTMLElement;
  readonly seen = new Seen();
  readonly props: ShopProps;
  actions!: ShopActions;
  mounted!: Mounted;

  constructor(some: Partial<ShopProps> = {}) {
    this.container = document.body.appendChild(document.createElement('main'));
    const onReady = (actions: ShopActions): void => {
      this.actions = actions;
    };
    this.props = { below: 10, id: newOriginatorId(), seen: this.seen, onReady, ...some };
    onTestFinished(async () => {
      await this.unmount();
      this.container.remove();
    });
  }

  mount(adapter: ShopAdapter, client: ShopClient, provided?: ShopClient): this {
    this.mounted = adapter.mount(this.container, client, this.props, { provided });
    return this;
  }

  async unmount(): Promise<void> {
    const { mounted } = this;
    this.mounted = { update: () => undefined, unmount: () => undefined };
    await mounted.unmount();
  }

  part(name: string): string {
    return this.container.querySelector(`[data-part=${name}]`)?.textContent ?? '';
  }

  async shows(name: string, text: string): Promise<void> {
    await expect.poll(() => this.part(name)).toBe(text);
  }
}

const count = ({ app }: ShopParts, id: string, data: Item): Promise<unknown> =>
  app.execute(stockItem, id, { type: 'Count', data });

/** A fetch that never comes to an end, as where there is no network. */
const noNetwork = (): Promise<never> => new Promise(() => undefined);

function uncaught(): unknown[] {
  const seen: unknown[] = [];
  const note = (event: PromiseRejectionEvent | ErrorEvent): void => {
    seen.push('reason' in event ? event.reason : event.error);
  };
  addEventListener('unhandledrejection', note);
  addEventListener('error', note);
  onTestFinished(() => {
    removeEventListener('unhandledrejection', note);
    removeEventListener('error', note);
  });
  return seen;
}

describe.each(Object.entries(ADAPTERS))('%s', (_name, adapter) => {
  test('shows what is on the device, without waiting for the network', async () => {
    const name = newStoreName();
    const before = await openShop(name);
    await count(before, newOriginatorId(), { name: 'bolts', quantity: 3 });
    await before.daybook.close();
    const page = new Page().mount(adapter, shopClient({ name, fetch: noNetwork }));
    await page.shows('view', 'current: bolts 3');
    expect(page.part('store')).toBe('open');
  });

  test('shows what this tab and others record', async () => {
    const name = newStoreName();
    const client = shopClient({ name });
    const page = new Page().mount(adapter, client);
    await page.shows('view', 'current: ');
    const [ants, bolts] = [newOriginatorId(), newOriginatorId()];
    await page.actions.count(ants, { name: 'ants', quantity: 1 });
    await page.shows('view', 'current: ants 1');
    const other = await openShop(name);
    onTestFinished(() => other.daybook.close());
    await count(other, bolts, { name: 'bolts', quantity: 2 });
    await page.shows('view', 'current: ants 1, bolts 2');
  });

  test('keeps the objects of rows that have not changed', async () => {
    const page = new Page().mount(adapter, shopClient());
    const [ants, bolts] = [newOriginatorId(), newOriginatorId()];
    await page.shows('view', 'current: ');
    await page.actions.count(ants, { name: 'ants', quantity: 1 });
    await page.actions.count(bolts, { name: 'bolts', quantity: 2 });
    await page.shows('view', 'current: ants 1, bolts 2');
    const [first] = page.seen.rows.at(-1) ?? [];
    await page.actions.count(bolts, { name: 'bolts', quantity: 5 });
    await page.shows('view', 'current: ants 1, bolts 5');
    expect(page.seen.rows.at(-1)?.[0]).toBe(first);
  });

  test('renders nothing anew for what it has not read', async () => {
    const page = new Page().mount(adapter, shopClient());
    await page.shows('view', 'current: ');
    await page.actions.count(newOriginatorId(), { name: 'many', quantity: 500 });
    await page.shows('many', 'current: many 500');
    const rows = page.seen.rows.length;
    await page.actions.count(newOriginatorId(), { name: 'more', quantity: 600 });
    await page.shows('many', 'current: many 500, more 600');
    expect(page.seen.rows).toHaveLength(rows);
    // A query that is written in the component is another function each time: it is asked once all the same.
    expect(page.seen.renderings).toBeLessThan(60);
  });

  test('follows its parameters', async () => {
    const page = new Page({ below: 2 }).mount(adapter, shopClient());
    await page.shows('view', 'current: ');
    await page.actions.count(newOriginatorId(), { name: 'ants', quantity: 1 });
    await page.actions.count(newOriginatorId(), { name: 'bolts', quantity: 4 });
    await page.shows('view', 'current: ants 1');
    await page.mounted.update({ below: 6 });
    await page.shows('view', 'current: ants 1, bolts 4');
    await page.mounted.update({ below: 2 });
    await page.shows('view', 'current: ants 1');
  });

  test('shows an aggregate, before its first event and after each', async () => {
    const [first, second] = [newOriginatorId(), newOriginatorId()];
    const page = new Page({ id: first }).mount(adapter, shopClient());
    await page.shows('aggregate', 'v0 0');
    await page.actions.count(first, { name: 'ants', quantity: 7 });
    await page.shows('aggregate', 'v1 7');
    await page.mounted.update({ id: second });
    await page.shows('aggregate', 'v0 0');
  });

  test('shows events', async () => {
    const page = new Page().mount(adapter, shopClient());
    await page.shows('events', '0');
    await page.actions.countAll([newOriginatorId(), newOriginatorId()], 1);
    await page.shows('events', '2');
  });

  test('says that a command is on its way, and what came of it', async () => {
    const page = new Page().mount(adapter, shopClient());
    await page.shows('store', 'open');
    await page.shows('command', 'idle|||');
    const executed = page.actions.count(newOriginatorId(), { name: 'ants', quantity: 1 });
    await page.shows('command', 'idle||done|');
    await expect(executed).resolves.toMatchObject({ version: 1 });
    page.actions.reset();
    await page.shows('command', 'idle|||');
  });

  test('says why a command was rejected, and nobody else has to', async () => {
    const failures = uncaught();
    const page = new Page().mount(adapter, shopClient());
    await page.shows('store', 'open');
    void page.actions.count(newOriginatorId(), { name: 'ants', quantity: -1 });
    await page.shows('command', 'idle|Nobody counts less than nothing.||');
    await expect(page.actions.count(newOriginatorId(), { name: 'ants', quantity: -1 })).rejects.toThrow(
      'less than nothing',
    );
    await page.actions.count(newOriginatorId(), { name: 'ants', quantity: 1 });
    await page.shows('command', 'idle||done|');
    expect(failures).toEqual([]);
  });

  test('of commands at once, shows what the last one came to', async () => {
    const page = new Page().mount(adapter, shopClient());
    await page.shows('store', 'open');
    const wrong = page.actions.count(newOriginatorId(), { name: 'ants', quantity: -1 });
    const right = page.actions.count(newOriginatorId(), { name: 'ants', quantity: 1 });
    await Promise.allSettled([wrong, right]);
    await page.shows('command', 'idle||done|');
  });

  test('follows the receipt of a command, and shows how synchronisation stands', async () => {
    const server = createSyncServer({ unitLog: new MemoryUnitLog(), allowAnonymous: true });
    let isOnline = false;
    const fetch: typeof globalThis.fetch = async (input, init) => {
      if (!isOnline) throw new TypeError('no network');
      const request = new Request(input, init);
      // Firefox gives no body of a request as a stream.
      if ((request.body as ReadableStream | null | undefined) === undefined) {
        Object.defineProperty(request, 'body', { value: new Response(init?.body).body });
      }
      return await server.fetch(request);
    };
    const client = shopClient({ fetch });
    const page = new Page().mount(adapter, client);
    await page.shows('store', 'open');
    await page.actions.count(newOriginatorId(), { name: 'ants', quantity: 1 });
    await page.shows('command', 'idle||done|persisted');
    await page.actions.countAll([newOriginatorId()], 2);
    await page.shows('all', 'idle||done|persisted');
    isOnline = true;
    client.opened[0]?.sync?.syncNow();
    await page.shows('command', 'idle||done|confirmed');
    await page.shows('all', 'idle||done|confirmed');
    await expect.poll(() => page.part('sync')).not.toBe('none');
  });

  test('says that a store could not be opened, and tries again when it is told to', async () => {
    const name = newStoreName();
    let isBroken = true;
    const client = shopClient({
      name,
      open: async (signal) => {
        if (isBroken) throw new Error('no room');
        return await openShop(name, signal);
      },
    });
    const page = new Page().mount(adapter, client);
    await page.shows('store', 'failed');
    await page.shows('view', 'failed (no room): ');
    isBroken = false;
    page.actions.retry();
    await page.shows('view', 'current: ');
    expect(page.part('store')).toBe('open');
  });

  test('opens one store, however many show it, and however often they come and go', async () => {
    const client = shopClient();
    const [first, second] = [new Page().mount(adapter, client), new Page().mount(adapter, client)];
    await first.shows('view', 'current: ');
    await second.shows('view', 'current: ');
    await first.unmount();
    const third = new Page().mount(adapter, client);
    await third.shows('view', 'current: ');
    expect(client.opened).toHaveLength(1);
  });

  test('a module that is loaded anew closes what the one before has opened, first', async () => {
    const name = newStoreName();
    const order: string[] = [];
    const make = (label: string): ShopClient =>
      shopClient({
        name,
        open: async (signal) => {
          const parts = await openShop(name, signal);
          order.push(`${label} opened`);
          return parts;
        },
        close: async ({ daybook }) => {
          await daybook.close();
          order.push(`${label} closed`);
        },
      });
    const page = new Page().mount(adapter, make('first'));
    await page.shows('view', 'current: ');
    await page.actions.count(newOriginatorId(), { name: 'ants', quantity: 1 });
    const second = make('second');
    await page.unmount();
    const again = new Page().mount(adapter, second);
    await again.shows('view', 'current: ants 1');
    expect(order).toEqual(['first opened', 'first closed', 'second opened']);
    await expect(createdTwice(name)).rejects.toMatchObject({ code: 'INTERFACE_ERROR' });
  });

  test('when it is gone nothing is read any more, and what a person has asked for is done', async () => {
    const client = shopClient();
    const page = new Page().mount(adapter, client);
    await page.shows('view', 'current: ');
    const [parts] = client.opened;
    if (parts === undefined) throw new Error('nothing is open');
    const found = vi.spyOn(parts.states, 'find');
    const executed = page.actions.count(newOriginatorId(), { name: 'ants', quantity: 1 });
    await page.unmount();
    await executed;
    const ofComponent = (): number =>
      found.mock.calls.filter(([, options]) => !JSON.stringify(options).includes('1000}')).length;
    const before = ofComponent();
    await count(parts, newOriginatorId(), { name: 'bolts', quantity: 2 });
    // A query that somebody still watches has run when another one of the same store has.
    const control = parts.live.query((read) => fewItems(read, { ...parts }, 1_000));
    onTestFinished(control.subscribe(() => undefined));
    await vi.waitUntil(() => control.value.data?.length === 2);
    expect(ofComponent()).toBe(before);
  });

  test('shows at once what was shown a while ago', async () => {
    const client = shopClient();
    const page = new Page().mount(adapter, client);
    await page.shows('view', 'current: ');
    await page.actions.count(newOriginatorId(), { name: 'bolts', quantity: 1 });
    await expect.poll(() => page.part('view')).toContain('bolts 1');
    await page.unmount();
    const again = new Page().mount(adapter, client);
    await expect.poll(() => again.part('view')).toContain('bolts 1');
    // Never without it.
    expect(again.seen.rows[0]?.map(({ data: { name } }) => name)).toContain('bolts');
  });

  test('shows another client where one is provided', async () => {
    const [own, provided] = [shopClient(), shopClient()];
    await count(await provided.open(), newOriginatorId(), { name: 'bolts', quantity: 2 });
    const page = new Page().mount(adapter, own, provided);
    await page.shows('view', 'current: bolts 2');
    await page.actions.count(newOriginatorId(), { name: 'ants', quantity: 1 });
    await page.shows('view', 'current: ants 1, bolts 2');
    expect(own.opened).toHaveLength(0);
  });

  test('says that the store was lost, shows what there was, and opens it again', async () => {
    await withWorkers(async (workers) => {
      const client = shopClient();
      const page = new Page().mount(adapter, client);
      await page.shows('view', 'current: ');
      await page.actions.count(newOriginatorId(), { name: 'ants', quantity: 1 });
      await page.shows('view', 'current: ants 1');
      for (const worker of workers) worker.dispatchEvent(new ErrorEvent('error', { message: 'gone' }));
      await page.shows('store', 'failed');
      await expect.poll(() => page.part('view')).toMatch(/^failed \(.+\): ants 1$/);
      page.actions.retry();
      await page.shows('view', 'current: ants 1');
      expect(client.opened).toHaveLength(2);
    });
  });
});

describe.each(Object.entries(ADAPTERS).filter(([, { hydrate }]) => hydrate !== undefined))('%s', (_name, adapter) => {
  test('takes over what a server has made, without a word', async () => {
    const words = vi.spyOn(console, 'error');
    const warnings = vi.spyOn(console, 'warn');
    onTestFinished(() => {
      words.mockRestore();
      warnings.mockRestore();
    });
    const client = shopClient();
    const page = new Page();
    // What there is to show by the time that the page takes it over is other than what the server has made.
    await count(await client.open(), newOriginatorId(), { name: 'ants', quantity: 1 });
    page.container.innerHTML = SERVER_HTML;
    const section = page.container.querySelector('section');
    page.mounted = adapter.hydrate?.(page.container, client, page.props) ?? page.mounted;
    await page.shows('view', 'current: ants 1');
    expect(page.container.querySelector('section')).toBe(section);
    expect([...words.mock.calls, ...warnings.mock.calls]).toEqual([]);
  });
});

describe.each(Object.entries(ADAPTERS).filter(([, { suspend }]) => suspend !== undefined))('%s', (_name, adapter) => {
  test('suspends until there is a result, and follows it then', async () => {
    const client = shopClient({ fetch: noNetwork });
    const page = new Page();
    const words = vi.spyOn(console, 'error');
    onTestFinished(() => words.mockRestore());
    page.mounted = adapter.suspend?.(page.container, client, 10) ?? page.mounted;
    await expect.poll(() => page.container.textContent).toBe('…');
    await expect.poll(() => page.container.textContent).toBe('current: ');
    const [parts] = client.opened;
    if (parts === undefined) throw new Error('nothing is open');
    await count(parts, newOriginatorId(), { name: 'ants', quantity: 1 });
    await expect.poll(() => page.container.textContent).toBe('current: ants 1');
    expect(words.mock.calls).toEqual([]);
  });

  test('gives what it fails with to the boundary', async () => {
    const client = shopClient({ open: () => Promise.reject(new Error('no room')) });
    const page = new Page();
    page.mounted = adapter.suspend?.(page.container, client, 10) ?? page.mounted;
    await expect.poll(() => page.container.textContent).toBe('failed: no room');
  });
});

/** Opens the older of two clients of one name. */
async function createdTwice(name: string): Promise<unknown> {
  const older = createClient<ShopParts>({ name, open: (signal) => openShop(name, signal) });
  const newer = createClient<ShopParts>({ name, open: (signal) => openShop(name, signal) });
  onTestFinished(() => newer.close());
  return await older.open();
}

test('a client is refused what it cannot be made of', () => {
  const open = (): Promise<never> => Promise.reject(new Error('not called'));
  expect(() => createClient({ name: '', open })).toThrow(expect.objectContaining({ code: 'PROGRAMMING_ERROR' }));
  expect(() => createClient({ name: 'shop', open: 1 as never })).toThrow(/open/);
  expect(() => createClient({ name: 'shop', open, keepMs: -1 })).toThrow(/keepMs/);
});
