/** The shop in Vue. */
import { daybookHooks } from 'daybook/vue';
import {
  createApp,
  createSSRApp,
  defineComponent,
  h,
  onErrorCaptured,
  ref,
  shallowReactive,
  Suspense,
  unref,
} from 'vue';
import type { App, Component } from 'vue';
import { renderToString } from 'vue/server-renderer';
import { countAll, fewItems, stockItem, words } from './shop.js';
import type { Mounted, ShopAdapter, ShopClient, ShopProps } from './shop.js';

/** What is behind refs. */
function unwrapped(refs: object): never {
  return Object.fromEntries(Object.entries(refs).map(([name, value]) => [name, unref<unknown>(value)])) as never;
}

function shopOf(client: ShopClient, props: ShopProps, provided: ShopClient | undefined): Component {
  const hooks = daybookHooks(client);
  const Shop = defineComponent(() => {
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
    props.onReady({
      count: (item, data) => count.execute(item, { type: 'Count', data }),
      countAll: all.execute,
      reset: count.reset,
      retry: store.retry,
    });
    const line = (name: string, text: string) => h('p', { 'data-part': name }, text);
    return () => {
      props.seen.note(unwrapped(few));
      return h('section', [
        line('store', store.status.value),
        line('view', words.view(unwrapped(few))),
        line('many', words.view(unwrapped(many))),
        line('aggregate', words.aggregate(unwrapped(aggregate))),
        line('events', words.events(unwrapped(events))),
        line('command', words.command(unwrapped(count))),
        line('all', words.command(unwrapped(all))),
        line('sync', words.sync(sync.value)),
      ]);
    };
  });
  return defineComponent(() => {
    if (provided !== undefined) hooks.provideDaybook(provided);
    return () => h(Shop);
  });
}

function mounted(app: App, container: HTMLElement, props: ShopProps): Mounted {
  app.mount(container);
  return {
    update: (some) => {
      Object.assign(props, some);
    },
    unmount: () => app.unmount(),
  };
}

export const vueShop: ShopAdapter = {
  mount(container, client, first, { provided } = {}) {
    const props = shallowReactive({ ...first });
    return mounted(createApp(shopOf(client, props, provided)), container, props);
  },
  render: async (client, props) => await renderToString(createSSRApp(shopOf(client, props, undefined))),
  hydrate(container, client, first) {
    const props = shallowReactive({ ...first });
    return mounted(createSSRApp(shopOf(client, props, undefined)), container, props);
  },
  suspend(container, client, first) {
    const { useSuspenseView } = daybookHooks(client);
    const below = ref(first);
    const Few = defineComponent({
      async setup() {
        const few = await useSuspenseView(fewItems, () => [below.value] as const);
        return () => words.view(unwrapped(few));
      },
    });
    const app = createApp(
      defineComponent(() => {
        const error = ref<Error>();
        onErrorCaptured((thrown) => {
          error.value = thrown;
          return false;
        });
        return () =>
          error.value === undefined
            ? h(Suspense, null, { default: () => h(Few), fallback: () => '…' })
            : `failed: ${error.value.message}`;
      }),
    );
    app.mount(container);
    return {
      update: (some) => {
        below.value = some.below ?? first;
      },
      unmount: () => app.unmount(),
    };
  },
};
