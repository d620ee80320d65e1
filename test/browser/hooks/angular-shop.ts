/** The shop in Angular, without a zone, compiled in the page. */
import '@angular/compiler';
import {
  ApplicationRef,
  Component,
  createComponent,
  createEnvironmentInjector,
  effect,
  provideZonelessChangeDetection,
  signal,
} from '@angular/core';
import type { Signal } from '@angular/core';
import { createApplication } from '@angular/platform-browser';
import { daybookHooks } from 'daybook/angular';
import { countAll, fewItems, stockItem, words } from './shop.js';
import type { ShopAdapter, ShopClient, ShopProps } from './shop.js';

/** What is behind signals. */
function unwrapped(signals: object): never {
  return Object.fromEntries(
    Object.entries(signals).map(([name, value]) => [
      name,
      typeof value === 'function' && name !== 'execute' && name !== 'reset' ? (value as () => unknown)() : value,
    ]),
  ) as never;
}

function shopOf(client: ShopClient, below: Signal<number>, id: Signal<string>, { seen, onReady }: ShopProps) {
  const hooks = daybookHooks(client);
  class Shop {
    readonly store = hooks.injectDaybook();
    readonly few = hooks.injectView(fewItems, () => [below()] as const);
    readonly many = hooks.injectView(
      (read, parts, least: number) => fewItems(read, parts, least),
      () => [1_000 + below()] as const,
    );
    readonly aggregate = hooks.injectAggregate(stockItem, () => id());
    readonly events = hooks.injectEvents({ aggregates: [stockItem] });
    readonly count = hooks.injectCommand(stockItem);
    readonly all = hooks.injectCommand(countAll);
    readonly sync = hooks.injectSyncStatus();
    readonly words = words;
    readonly unwrapped = unwrapped;

    constructor() {
      effect(() => seen.note(unwrapped(this.few)));
      onReady({
        count: (item, data) => this.count.execute(item, { type: 'Count', data }),
        countAll: this.all.execute,
        reset: this.count.reset,
        retry: this.store.retry,
      });
    }
  }
  Component({
    selector: 'app-shop',
    template: `<section>
      <p data-part="store">{{ store.status() }}</p>
      <p data-part="view">{{ words.view(unwrapped(few)) }}</p>
      <p data-part="many">{{ words.view(unwrapped(many)) }}</p>
      <p data-part="aggregate">{{ words.aggregate(unwrapped(aggregate)) }}</p>
      <p data-part="events">{{ words.events(unwrapped(events)) }}</p>
      <p data-part="command">{{ words.command(unwrapped(count)) }}</p>
      <p data-part="all">{{ words.command(unwrapped(all)) }}</p>
      <p data-part="sync">{{ words.sync(sync()) }}</p>
    </section>`,
  })(Shop);
  return { Shop, provideDaybook: hooks.provideDaybook };
}

export const angularShop: ShopAdapter = {
  mount(container, client, first, { provided } = {}) {
    const below = signal(first.below);
    const id = signal(first.id);
    const { Shop, provideDaybook } = shopOf(client, below, id, first);
    const started = createApplication({ providers: [provideZonelessChangeDetection()] }).then((application) => {
      const providers = provided === undefined ? [] : [provideDaybook(provided)];
      const environmentInjector = createEnvironmentInjector(providers, application.injector);
      const hostElement = container.appendChild(document.createElement('app-shop'));
      const shown = createComponent(Shop, { environmentInjector, hostElement });
      application.injector.get(ApplicationRef).attachView(shown.hostView);
      return { application, shown };
    });
    return {
      update: (some) => {
        if (some.below !== undefined) below.set(some.below);
        if (some.id !== undefined) id.set(some.id);
      },
      unmount: async () => {
        const { application, shown } = await started;
        shown.destroy();
        application.destroy();
      },
    };
  },
};
