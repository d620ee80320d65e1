/** The shop in Solid. */
import { daybookHooks } from 'daybook/solid';
import { createComponent, createEffect, createResource, createSignal, ErrorBoundary, Suspense } from 'solid-js';
import { createStore } from 'solid-js/store';
import h from 'solid-js/h';
import { render } from 'solid-js/web';
import type { JSX } from 'solid-js';
import { countAll, fewItems, stockItem, words } from './shop.js';
import type { Mounted, ShopAdapter, ShopClient, ShopProps } from './shop.js';

function shopOf(client: ShopClient, props: ShopProps, provided: ShopClient | undefined): () => JSX.Element {
  const hooks = daybookHooks(client);
  const Shop = (): JSX.Element => {
    const store = hooks.useDaybook();
    const few = hooks.useView(fewItems, () => [props.below] as const);
    const many = hooks.useView(
      (read, parts, least: number) => fewItems(read, parts, least),
      () => [1_000 + props.below] as const,
    );
    const aggregate = hooks.useAggregate(stockItem, () => props.id);
    const events = hooks.useEvents({ aggregates: [stockItem] });
    const count = hooks.useCommand(stockItem);
    const all = hooks.useCommand(countAll);
    const sync = hooks.useSyncStatus();
    createEffect(() => props.seen.note(few));
    props.onReady({
      count: (item, data) => count.execute(item, { type: 'Count', data }),
      countAll: all.execute,
      reset: count.reset,
      retry: store.retry,
    });
    const line = (name: string, text: () => string) => h('p', { 'data-part': name }, text);
    return h(
      'section',
      line('store', () => store.status),
      line('view', () => words.view(few)),
      line('many', () => words.view(many)),
      line('aggregate', () => words.aggregate(aggregate)),
      line('events', () => words.events(events)),
      line('command', () => words.command(count)),
      line('all', () => words.command(all)),
      line('sync', () => words.sync(sync())),
    ) as unknown as JSX.Element;
  };
  if (provided === undefined) return () => createComponent(Shop, {});
  return () =>
    createComponent(hooks.DaybookProvider, {
      client: provided,
      get children() {
        return createComponent(Shop, {});
      },
    });
}

export const solidShop: ShopAdapter = {
  mount(container, client, first, { provided } = {}): Mounted {
    const [props, set] = createStore({ ...first });
    const dispose = render(shopOf(client, props, provided), container);
    return { update: (some) => set(some), unmount: dispose };
  },
  suspend(container, client, first) {
    const { useSuspenseView } = daybookHooks(client);
    const [below, set] = createSignal(first);
    const Few = (): JSX.Element => {
      const [few] = createResource(() => useSuspenseView(fewItems, () => [below()] as const));
      return (() => {
        const shown = few();
        return shown === undefined ? '' : words.view(shown);
      }) as unknown as JSX.Element;
    };
    const dispose = render(
      () =>
        createComponent(ErrorBoundary, {
          fallback: (error: Error) => `failed: ${error.message}`,
          get children() {
            return createComponent(Suspense, {
              fallback: '…',
              get children() {
                return createComponent(Few, {});
              },
            });
          },
        }),
      container,
    );
    return { update: (some) => void set(some.below ?? first), unmount: dispose };
  },
};
