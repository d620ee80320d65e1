import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { BooksFeed } from '../books-feed.js';
import type { StockCountModel } from '../stock-count-model.js';
import { AppHeader } from './app-header.js';
import { BooksPanel } from './books-panel.js';
import { EventList } from './event-list.js';
import { ItemList } from './item-list.js';
import { Notices } from './notices.js';
import { SectionTabs } from './section-tabs.js';
import type { Section } from './section-tabs.js';
import { useObservable } from './use-observable.js';

/** Parts of {@link App}. */
export interface AppProps {
  readonly model: StockCountModel;
  readonly books: BooksFeed;
  readonly changeWorkOffline: (workOffline: boolean) => void;
}

/** The whole page, when the store is open. */
export function App({ model, books, changeWorkOffline }: AppProps): JSX.Element {
  const state = useObservable(model.state);
  const booksState = useObservable(books.state);
  // Only a narrow screen shows one section at a time; a wide one shows them all.
  const [section, setSection] = useState<Section>('count');
  return (
    <div class="app" data-section={section}>
      <AppHeader state={state} changeWorkOffline={changeWorkOffline} />
      <main class="panels">
        <ItemList
          counts={state.counts}
          confirmedId={state.confirmedId}
          step={(sku, change) => void model.step(sku, change)}
          enter={(sku, quantity) => void model.enter(sku, quantity)}
        />
        <EventList state={state} />
        <BooksPanel books={booksState} ownDeviceId={model.replicaId} />
      </main>
      {/* Below the lists: above them, they would move under the finger that counts whenever a notice comes or goes. */}
      <Notices state={state} sendNow={() => model.sendNow()} />
      <SectionTabs
        section={section}
        choose={setSection}
        recounts={state.recounts.length}
        pending={state.sync.pending}
        booksTotal={booksState.view?.total}
      />
    </div>
  );
}
