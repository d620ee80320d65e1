/**
 * Wires the app: store, sync, model, page.
 *
 * @module
 */
import { openDaybook } from 'daybook';
import { LiveQueries } from 'daybook/live';
import { startSync } from 'daybook/sync';
import { render } from 'preact';
import { BooksFeed } from './books-feed.js';
import { App } from './components/app.js';
import { OpenFailed } from './components/open-failed.js';
import { reportDevice } from './device-report.js';
import { CounterNameSetting, deviceNameDefault, readPageSettings, WorkOfflineSetting } from './page-settings.js';
import type { PageSettings } from './page-settings.js';
import { shortDeviceId } from './plain-words.js';
import { StockApplication } from './stock-application.js';
import { StockCountModel } from './stock-count-model.js';
import { STOCK_ITEMS } from './stock-items.js';

const root = document.getElementById('app') as HTMLElement;

startApp(readPageSettings(new URL(location.href))).catch((error: unknown) => {
  root.replaceChildren();
  render(<OpenFailed error={error instanceof Error ? error : new Error(String(error))} />, root);
});

async function startApp(settings: PageSettings): Promise<void> {
  const daybook = await openDaybook({ name: settings.storeName });
  const application = new StockApplication({
    recorder: daybook.recorder,
    live: new LiveQueries({ recorder: daybook.recorder }),
    onRecorded: (listener) => daybook.onRecorded(listener),
    replicaId: daybook.replicaId,
    now: () => new Date(),
  });
  // Before anything is fetched: the tables follow it in its own transaction.
  await application.start();
  const sync = startSync({
    store: daybook,
    url: settings.syncUrl,
    application: application.decider,
    // When it could not be kept, nothing is wrong with the counts: it is not said what became of them.
    onRebased: (units) => void application.noteRebased(units).catch(reportError),
  });
  const defaultName = deviceNameDefault(matchMedia('(pointer: coarse)').matches, shortDeviceId(daybook.replicaId));
  const name = new CounterNameSetting(localStorage, settings.storeName, settings.counterName ?? defaultName);
  const workOffline = new WorkOfflineSetting(localStorage, settings.storeName);
  const model = new StockCountModel({ daybook, application, sync, items: STOCK_ITEMS, counterName: name.read() });
  followWorkOffline(model, workOffline);
  await model.start();
  const isBesideAnother = reportDevice(model, settings.storeName);
  const books = new BooksFeed({ url: settings.booksUrl, fetch: (...request) => fetch(...request), isVisible });
  // The page around this one shows them, and a device that is offline asks for nothing.
  if (!isBesideAnother) startBooks(books, model);
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
      isBesideAnother={isBesideAnother}
      changeWorkOffline={(on) => {
        model.setWorkOffline(on);
        workOffline.write(on);
      }}
      changeName={changeName}
    />,
    root,
  );
}

function followWorkOffline(model: StockCountModel, setting: WorkOfflineSetting): void {
  if (setting.read()) model.setWorkOffline(true);
  addEventListener('storage', (event) => setting.isAbout(event) && model.setWorkOffline(setting.read()));
}

function isVisible(): boolean {
  return document.visibilityState === 'visible';
}

function startBooks(books: BooksFeed, model: StockCountModel): void {
  let { position } = model.state.value.sync;
  // What has just come into the books is shown at once, not at the next interval.
  model.state.subscribe(({ sync }) => {
    if (sync.position === position) return;
    position = sync.position;
    books.refresh();
  });
  document.addEventListener('visibilitychange', () => isVisible() && books.refresh());
  books.refresh();
}
