/**
 * Wires the app: store, sync, model, page.
 *
 * @module
 */
import { openDaybook } from 'daybook';
import { startSync } from 'daybook/sync';
import { render } from 'preact';
import { BooksFeed } from './books-feed.js';
import { App } from './components/app.js';
import { OpenFailed } from './components/open-failed.js';
import { readPageSettings, workOfflineSetting } from './page-settings.js';
import type { PageSettings } from './page-settings.js';
import { StockCountModel } from './stock-count-model.js';
import { STOCK_ITEMS } from './stock-items.js';

const root = document.getElementById('app') as HTMLElement;

startApp(readPageSettings(new URL(location.href))).catch((error: unknown) => {
  root.replaceChildren();
  render(<OpenFailed error={error instanceof Error ? error : new Error(String(error))} />, root);
});

async function startApp(settings: PageSettings): Promise<void> {
  const daybook = await openDaybook({ name: settings.storeName });
  // Each device counts on its own shelves: those of others are in the books, and not here.
  const sync = startSync({ store: daybook, url: settings.syncUrl, direction: 'push' });
  const { recorder } = daybook;
  const firstPendingId = async (): Promise<number | undefined> => {
    const [first] = await recorder.selectPendingUnits(0, { eventsMax: 1, bytesMax: 1 });
    return first?.firstNotificationId;
  };
  const items = STOCK_ITEMS;
  const model = new StockCountModel({ daybook, recorder, sync, firstPendingId, items, now: () => new Date() });
  followWorkOffline(model);
  await model.start();
  const books = startBooks(settings, model);
  root.replaceChildren();
  render(<App model={model} books={books} changeWorkOffline={(on) => changeWorkOffline(model, on)} />, root);
}

function changeWorkOffline(model: StockCountModel, workOffline: boolean): void {
  model.setWorkOffline(workOffline);
  workOfflineSetting.write(localStorage, workOffline);
}

function followWorkOffline(model: StockCountModel): void {
  if (workOfflineSetting.read(localStorage)) model.setWorkOffline(true);
  addEventListener('storage', (event) => {
    if (workOfflineSetting.isAbout(event)) model.setWorkOffline(workOfflineSetting.read(localStorage));
  });
}

function startBooks(settings: PageSettings, model: StockCountModel): BooksFeed {
  const isVisible = (): boolean => document.visibilityState === 'visible';
  const books = new BooksFeed({ url: settings.booksUrl, fetch: (...request) => fetch(...request), isVisible });
  let confirmedId = 0;
  // Counts that have just arrived are shown at once, not at the next interval.
  model.state.subscribe((state) => {
    if (state.confirmedId === confirmedId) return;
    confirmedId = state.confirmedId;
    books.refresh();
  });
  document.addEventListener('visibilitychange', () => isVisible() && books.refresh());
  books.refresh();
  return books;
}
