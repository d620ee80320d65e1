/** The shop in Preact. */
import { daybookHooks } from 'daybook/preact';
import { Component, createElement as h, hydrate, render } from 'preact';
import type { ComponentChildren, VNode } from 'preact';
import { Suspense } from 'preact/compat';
import { useEffect } from 'preact/hooks';
import { renderToString } from 'preact-render-to-string';
import { countAll, fewItems, stockItem, words } from './shop.js';
import type { Mounted, ShopAdapter, ShopClient, ShopProps } from './shop.js';

function shopOf(client: ShopClient, provided: ShopClient | undefined) {
  const hooks = daybookHooks(client);

  function Shop({ below, id, seen, onReady }: ShopProps): VNode {
    const store = hooks.useDaybook();
    const few = hooks.useView(fewItems, [below]);
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

  return (props: ShopProps): ComponentChildren => {
    const shop = h(Shop, props);
    return provided === undefined ? shop : h(hooks.DaybookProvider, { client: provided }, shop);
  };
}

function mounted(container: HTMLElement, show: (props: ShopProps) => ComponentChildren, first: ShopProps): Mounted {
  let props = first;
  return {
    update: (some) => {
      props = { ...props, ...some };
      render(h(show as never, props), container);
    },
    unmount: () => render(null, container),
  };
}

class Boundary extends Component<{ readonly children: ComponentChildren }, { readonly error?: Error }> {
  override componentDidCatch(error: Error): void {
    this.setState({ error });
  }

  override render(): ComponentChildren {
    return this.state.error === undefined ? this.props.children : `failed: ${this.state.error.message}`;
  }
}

export const preactShop: ShopAdapter = {
  mount(container, client, props, { provided } = {}) {
    const show = shopOf(client, provided);
    render(h(show as never, props), container);
    return mounted(container, show, props);
  },
  render: (client, props) => renderToString(h(shopOf(client, undefined), props)),
  hydrate(container, client, props) {
    const show = shopOf(client, undefined);
    hydrate(h(show as never, props), container);
    return mounted(container, show, props);
  },
  suspend(container, client, first) {
    const { useSuspenseView } = daybookHooks(client);
    const Few = ({ below }: { readonly below: number }): ComponentChildren =>
      words.view(useSuspenseView(fewItems, [below]));
    const show = (below: number): void =>
      render(h(Boundary, null, h(Suspense, { fallback: '…' }, h(Few as never, { below }))), container);
    show(first);
    return {
      update: ({ below }) => below !== undefined && show(below),
      unmount: () => render(null, container),
    } as Mounted;
  },
};
