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
import { CounterNameSetting, deviceNameDefault, readPageSettings, workOfflineSetting } from './page-settings.js';
import type { PageSettings } from './page-settings.js';
import { shortDeviceId } from './plain-words.js';
import { StockCountModel } from './stock-count-model.js';
import { STOCK_ITEMS } from './stock-items.js';

const root = document.getElementById('app') as HTMLElement;

startApp(readPageSettings(new URL(location.href))).catch((error: unknown) => {
  root.replaceChildren();
  render(<OpenFailed error={error instanceof Error ? error : new Error(String(error))} />, root);
});

async function startApp(settings: PageSettings): Promise<void> {
  const daybook = await openDaybook({ name: settings.storeName });
  const sync = startSync({ store: daybook, url: settings.syncUrl });
  const defaultName = deviceNameDefault(matchMedia('(pointer: coarse)').matches, shortDeviceId(daybook.replicaId));
  const name = new CounterNameSetting(localStorage, settings.storeName, defaultName);
  const model = new StockCountModel({
    daybook,
    recorder: daybook.recorder,
    sync,
    items: STOCK_ITEMS,
    counterName: name.read(),
    now: () => new Date(),
  });
  followWorkOffline(model);
  await model.start();
  const books = startBooks(settings, model);
  root.replaceChildren();
  const changeName = (to: string): void => {
    name.write(to);
    model.setCounterName(name.read());
  };
  addEventListener('storage', (event) => name.isAbout(event) && model.setCounterName(name.read()));
  render(
    <App
      model={model}
      books={books}
      changeWorkOffline={(on) => changeWorkOffline(model, on)}
      changeName={changeName}
    />,
    root,
  );
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
  let { position } = model.state.value.sync;
  // What has just come into the books is shown at once, not at the next interval.
  model.state.subscribe(({ sync }) => {
    if (sync.position === position) return;
    position = sync.position;
    books.refresh();
  });
  document.addEventListener('visibilitychange', () => isVisible() && books.refresh());
  books.refresh();
  return books;
}
