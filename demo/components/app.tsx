import type { JSX } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { BooksFeed } from '../books-feed.js';
import type { StockCountModel } from '../stock-count-model.js';
import { AppHeader } from './app-header.js';
import { BooksPanel } from './books-panel.js';
import { DECIDED_ID, EventList } from './event-list.js';
import { ItemList } from './item-list.js';
import { quantityId } from './item-row.js';
import { Notices } from './notices.js';
import { SectionTabs } from './section-tabs.js';
import type { Section } from './section-tabs.js';
import { useObservable } from './use-observable.js';

/** Parts of {@link App}. */
export interface AppProps {
  readonly model: StockCountModel;
  readonly books: BooksFeed;
  /** Whether a page around this one shows another device, too, and the books. */
  readonly isBesideAnother: boolean;
  readonly changeWorkOffline: (workOffline: boolean) => void;
  readonly changeName: (name: string) => void;
}

/** The whole page, when the store is open. */
export function App({ model, books, isBesideAnother, changeWorkOffline, changeName }: AppProps): JSX.Element {
  const state = useObservable(model.state);
  const booksState = useObservable(books.state);
  // Only a narrow screen shows one section at a time; a wide one shows them all.
  const [section, setSection] = useState<Section>('count');
  // After the section is shown: what is hidden can be neither scrolled to nor focused.
  const [goal, setGoal] = useState<() => void>();
  useEffect(() => goal?.(), [goal]);
  const goTo = (sku: string): void => {
    setSection('count');
    setGoal(() => () => goToItem(sku));
  };
  const showDecided = (): void => {
    setSection('events');
    setGoal(() => () => document.getElementById(DECIDED_ID)?.scrollIntoView({ block: 'start' }));
  };
  // The long lists are drawn when they change, and not whenever synchronisation says something.
  const shelves = useMemo(
    () => (
      <ItemList
        counts={state.counts}
        deviceId={model.replicaId}
        openedAtId={state.openedAtId}
        counterName={state.counterName}
        changeName={changeName}
        goTo={goTo}
        step={(sku, change) => void model.step(sku, change)}
        enter={(sku, quantity) => void model.enter(sku, quantity)}
      />
    ),
    [model, state.counts, state.openedAtId, state.counterName, changeName],
  );
  const booksPanel = useMemo(
    () => <BooksPanel books={booksState} ownDeviceId={model.replicaId} />,
    [model, booksState],
  );
  return (
    <div class="app" data-section={section} data-beside={isBesideAnother}>
      <AppHeader state={state} isBesideAnother={isBesideAnother} changeWorkOffline={changeWorkOffline} />
      <main class="panels">
        {shelves}
        <EventList
          state={state}
          goTo={goTo}
          retry={(aside) => void model.retry(aside)}
          giveUp={(aside) => void model.giveUp(aside)}
          dismiss={(unitIds) => void model.dismiss(unitIds)}
        />
        {!isBesideAnother && booksPanel}
      </main>
      {/* Below the lists: above them, they would move under the finger that counts whenever a notice comes or goes. */}
      <Notices state={state} sendNow={() => model.sendNow()} showDecided={showDecided} />
      <SectionTabs
        section={section}
        hasBooks={!isBesideAnother}
        choose={setSection}
        recounts={state.counts.filter(({ recount }) => recount !== undefined).length}
        pending={state.sync.pending}
        setAside={state.setAside.length}
        decidedAgain={state.decidedAgain.length}
        booksTotal={booksState.view?.total}
      />
    </div>
  );
}

/** To the field itself: whoever comes back to a shelf has a number to enter. */
function goToItem(sku: string): void {
  const input = document.getElementById(quantityId(sku));
  input?.scrollIntoView({ block: 'center' });
  input?.focus({ preventScroll: true });
}
