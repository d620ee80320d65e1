import type { BrowserContext, Locator, Page } from '@playwright/test';
import { expect } from './patient-expect.js';

/** Where to go. */
export interface StockPageAddress {
  /** Of the demo's server. */
  readonly pageUrl: string;
  /** Of the sync server. @defaultValue the page's own */
  readonly syncUrl?: string;
}

/** One line of the page's list of events. */
export interface ShownEvent {
  /** The device's own notification id. */
  readonly id: number;
  readonly kind: string;
  readonly sku: string;
  readonly previousQuantity: number;
  readonly quantity: number;
  readonly countedAt: string;
  readonly state: string;
}

// Each press costs a failed attempt at most, so this is many of them.
const SENT_WAIT_MS = 45_000;

/** The demo in one tab, as the person in front of it uses it. */
export class StockPage {
  readonly page: Page;
  readonly badge: Locator;
  /** The counts of this device. */
  readonly eventRows: Locator;
  /** The counts of other devices. */
  readonly othersRows: Locator;
  readonly setAsideItems: Locator;
  /** What was asked for and done about recounts, in the list of events. */
  readonly recountRows: Locator;
  /** What has to be counted again. */
  readonly recountTasks: Locator;
  readonly pendingCount: Locator;
  readonly syncError: Locator;
  readonly offlineSwitch: Locator;
  readonly #address: string;

  constructor(page: Page, { pageUrl, syncUrl }: StockPageAddress) {
    this.page = page;
    this.badge = page.getByTestId('badge');
    this.eventRows = page.locator('[data-testid=event-row][data-own=true]');
    this.othersRows = page.locator('[data-testid=event-row][data-own=false]');
    this.recountRows = page.getByTestId('recount-row');
    this.recountTasks = page.getByTestId('recount-task');
    this.setAsideItems = page.getByTestId('set-aside-item');
    this.pendingCount = page.getByTestId('pending-count');
    this.syncError = page.getByTestId('sync-error');
    this.offlineSwitch = page.getByTestId('offline-switch');
    this.#address = syncUrl === undefined ? pageUrl : `${pageUrl}/?sync=${encodeURIComponent(syncUrl)}`;
  }

  /** Opens a tab and waits for the app. */
  static async open(context: BrowserContext, address: StockPageAddress): Promise<StockPage> {
    // A persistent context starts with an empty tab.
    const blank = context.pages().find((page) => page.url() === 'about:blank');
    const stockPage = new StockPage(blank ?? (await context.newPage()), address);
    await stockPage.page.goto(stockPage.#address);
    await expect(stockPage.badge).toBeVisible();
    return stockPage;
  }

  /** Waits until the service worker has kept the whole page, so that the next visit needs no network. */
  async waitForOfflineReady(): Promise<void> {
    await this.page.evaluate(async () => {
      const { active } = await navigator.serviceWorker.ready;
      while (active !== null && active.state !== 'activated') {
        await new Promise((resolve) => active.addEventListener('statechange', resolve, { once: true }));
      }
    });
  }

  /** Counts one more of each item, by clicks. */
  async countMore(...skus: readonly string[]): Promise<void> {
    for (const sku of skus) await this.item(sku).getByTestId('count-plus').click();
  }

  /** Counts one less of each item, by clicks. */
  async countLess(...skus: readonly string[]): Promise<void> {
    for (const sku of skus) await this.item(sku).getByTestId('count-minus').click();
  }

  /** Types a count, and confirms it. */
  async enterCount(sku: string, quantity: number): Promise<void> {
    const input = this.item(sku).getByTestId('count-input');
    await input.fill(String(quantity));
    await input.press('Enter');
  }

  /** What is asked about an item. */
  recountTask(sku: string): Locator {
    return this.page.locator(`[data-testid=recount-task][data-sku="${sku}"]`);
  }

  /** What the page says lies there. */
  quantity(sku: string): Locator {
    return this.item(sku).getByTestId('count-input');
  }

  /** Gives the person in front of this device a name. */
  async countAs(name: string): Promise<void> {
    await this.page.getByTestId('counter-name').click();
    await this.page.getByTestId('counter-input').fill(name);
    await this.page.getByTestId('counter-save').click();
    await expect(this.page.getByTestId('counter-name')).toContainText(`Counting as ${name}`);
  }

  /** Goes to a section, on a screen that shows one at a time. */
  async goTo(section: 'Shelves' | 'Counts' | 'The books'): Promise<void> {
    await this.page.getByRole('navigation', { name: 'Sections' }).getByRole('button', { name: section }).click();
  }

  /** The row of an item. */
  item(sku: string): Locator {
    return this.page.getByTestId(`item-${sku}`);
  }

  /** What the list shows of this device, oldest first: the order in which it recorded. */
  async shownEvents(): Promise<readonly ShownEvent[]> {
    const rows = await this.eventRows.evaluateAll((elements) =>
      elements.map((element) => {
        const [, previous, next] =
          /(\d+) → (\d+)/.exec(element.querySelector('.event-quantity')?.textContent ?? '') ?? [];
        return {
          id: Number(element.getAttribute('data-id')),
          kind: element.getAttribute('data-kind') ?? '',
          sku: element.getAttribute('data-sku') ?? '',
          previousQuantity: Number(previous),
          quantity: Number(next),
          countedAt: element.querySelector('time')?.dateTime ?? '',
          state: element.getAttribute('data-state') ?? '',
        };
      }),
    );
    return rows.reverse();
  }

  /** Waits until that many counts are kept, none of which is in the books. */
  async expectOnDevice(count: number): Promise<void> {
    await expect(this.badge).toHaveText(`${count} on this device`);
    await expect(this.eventRows).toHaveCount(count);
    await expect(this.rowsIn('device')).toHaveCount(count);
  }

  /**
   * Waits until that many counts are in the books, and no others wait. Presses "Try now" whenever it is there: real
   * waits would be minutes.
   */
  async sendImpatiently(count: number): Promise<void> {
    await this.pushUntil(async () => {
      // Rows, not the badge: before a click is kept, everything that is kept may well be in the books.
      await expect(this.rowsIn('books')).toHaveCount(count, { timeout: 250 });
    });
    await expect(this.eventRows).toHaveCount(count);
    await expect(this.pendingCount).toHaveText('0');
    await expect(this.badge).toHaveText('All in the warehouse’s books');
  }

  /** Presses "Try now" whenever it is there, until something holds that is soon given up. */
  async pushUntil(holds: () => Promise<void>): Promise<void> {
    const tryNow = this.page.getByTestId('try-now');
    await expect(async () => {
      // The button comes and goes with the attempts; a click that misses it is made good by the next one.
      if (await tryNow.isVisible()) await tryNow.click({ timeout: 500 }).catch(() => undefined);
      await holds();
    }).toPass({ timeout: SENT_WAIT_MS, intervals: [0] });
  }

  /** The lines about recounts that say where they are. */
  rowsOfRecounts(state: 'device' | 'books'): Locator {
    return this.page.locator(`[data-testid=recount-row][data-state=${state}]`);
  }

  /** The rows of this device's counts that say where these are. */
  rowsIn(state: 'device' | 'books'): Locator {
    return this.page.locator(`[data-testid=event-row][data-own=true][data-state=${state}]`);
  }
}
