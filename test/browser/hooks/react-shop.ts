/** The shop in React, in strict mode. */
import { daybookHooks } from 'daybook/react';
import { Component, createElement as h, StrictMode, Suspense, useEffect } from 'react';
import type { ReactNode } from 'react';
import { createRoot, hydrateRoot } from 'react-dom/client';
import type { Root } from 'react-dom/client';
import { renderToString } from 'react-dom/server';
import { countAll, fewItems, stockItem, words } from './shop.js';
import type { Mounted, ShopAdapter, ShopClient, ShopProps } from './shop.js';

function shopOf(client: ShopClient, provided: ShopClient | undefined) {
  const hooks = daybookHooks(client);

  function Shop({ below, id, seen, onReady }: ShopProps): ReactNode {
    const store = hooks.useDaybook();
    const few = hooks.useView(fewItems, [below]);
    // Written in the component: another function in each rendering.
    const many = hooks.useView((read, parts, least: number) => fewItems(read, parts, least), [1_000 + below]);
    const aggregate = hooks.useAggregate(stockItem, id);
    const events = hooks.useEvents({ aggregates: [stockItem] });
    const count = hooks.useCommand(stockItem);
    const all = hooks.useCommand(countAll);
    const sync = hooks.useSyncStatus();
    seen.note(few);
    useEffect(() => {
      onReady({
        count: (item, data) => count.execute(item, { type: 'Count', data }),
        countAll: all.execute,
        reset: count.reset,
        retry: store.retry,
      });
    });
    const line = (name: string, text: string) => h('p', { 'data-part': name }, text);
    return h(
      'section',
      null,
      line('store', store.status),
      line('view', words.view(few)),
      line('many', words.view(many)),
      line('aggregate', words.aggregate(aggregate)),
      line('events', words.events(events)),
      line('command', words.command(count)),
      line('all', words.command(all)),
      line('sync', words.sync(sync)),
    );
  }

  return (props: ShopProps): ReactNode => {
    const shop = h(Shop, props);
    return h(StrictMode, null, provided === undefined ? shop : h(hooks.DaybookProvider, { client: provided }, shop));
  };
}

function mounted(root: Root, show: (props: ShopProps) => ReactNode, first: ShopProps): Mounted {
  let props = first;
  return {
    update: (some) => {
      props = { ...props, ...some };
      root.render(h(show, props));
    },
    unmount: () => root.unmount(),
  };
}

class Boundary extends Component<{ readonly children: ReactNode }, { readonly error?: Error }> {
  override readonly state: { readonly error?: Error } = {};

  static getDerivedStateFromError(error: Error): { readonly error: Error } {
    return { error };
  }

  override render(): ReactNode {
    return this.state.error === undefined ? this.props.children : `failed: ${this.state.error.message}`;
  }
}

export const reactShop: ShopAdapter = {
  mount(container, client, props, { provided } = {}) {
    const show = shopOf(client, provided);
    const root = createRoot(container);
    root.render(h(show, props));
    return mounted(root, show, props);
  },
  render: (client, props) => renderToString(h(shopOf(client, undefined), props)),
  hydrate(container, client, props) {
    const show = shopOf(client, undefined);
    const root = hydrateRoot(container, h(show, props), {
      onRecoverableError: (error) => console.error('hydration', error),
    });
    return mounted(root, show, props);
  },
  suspend(container, client, first) {
    const { useSuspenseView } = daybookHooks(client);
    const Few = ({ below }: { readonly below: number }): ReactNode => words.view(useSuspenseView(fewItems, [below]));
    const root = createRoot(container, { onCaughtError: () => undefined });
    const show = (below: number): void =>
      root.render(h(StrictMode, null, h(Boundary, null, h(Suspense, { fallback: '…' }, h(Few, { below })))));
    show(first);
    return { update: ({ below }) => below !== undefined && show(below), unmount: () => root.unmount() } as Mounted;
  },
};
