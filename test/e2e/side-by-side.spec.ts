import type { FrameLocator, Locator, Page } from '@playwright/test';
import { expect } from './support/patient-expect.js';
import { test } from './support/warehouse-test.js';

const [STEPPED, COUNTED, DOUBTFUL] = ['BLT-0840', 'SCR-0560', 'WSH-0008'] as const;

/** One of the devices of the page, as the person in front of it uses it. */
class Device {
  readonly frame: FrameLocator;
  readonly badge: Locator;
  readonly cards: Locator;
  readonly setAside: Locator;
  readonly recountTasks: Locator;
  readonly offlineSwitch: Locator;

  constructor(page: Page, name: string) {
    this.frame = page.frameLocator(`iframe[title^=${name}]`);
    this.badge = this.frame.getByTestId('badge');
    this.cards = this.frame.getByTestId('decided-again-card');
    this.setAside = this.frame.getByTestId('set-aside-item');
    this.recountTasks = this.frame.getByTestId('recount-task');
    this.offlineSwitch = this.frame.getByTestId('offline-switch');
  }

  item(sku: string): Locator {
    return this.frame.getByTestId(`item-${sku}`);
  }

  quantity(sku: string): Locator {
    return this.item(sku).getByTestId('count-input');
  }

  async enter(sku: string, quantity: number): Promise<void> {
    await this.quantity(sku).fill(String(quantity));
    await this.quantity(sku).press('Enter');
    await expect(this.item(sku).getByTestId('last-count')).toContainText('you,');
  }
}

test('two devices in one window disagree without a network: what was decided, what is decided now, and why, is seen until it is dismissed', async ({
  warehouse,
  browser,
}) => {
  const { address, database, server } = warehouse;
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  const complaints: string[] = [];
  const syncRequests: string[] = [];
  context.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  context.on('weberror', (webError) => complaints.push(String(webError.error())));
  page.on('request', (request) => {
    if (new URL(request.url()).pathname.startsWith('/v2/')) syncRequests.push(request.url());
  });
  const [ana, ben] = [new Device(page, 'Ana'), new Device(page, 'Ben')];
  const guide = page.getByTestId('guide');
  const booksLine = page.getByTestId('books-line');

  await test.step('one control leads there, and both are devices of their own', async () => {
    await page.goto(address.pageUrl);
    await page.getByTestId('two-devices').click();
    for (const device of [ana, ben]) await expect(device.badge).toHaveText('Nothing counted yet');
    await expect(ana.frame.getByTestId('counter-name')).toContainText('Counting as Ana');
    await expect(ben.frame.getByTestId('counter-name')).toContainText('Counting as Ben');
    await expect(guide).toHaveAttribute('data-step', 'part');
    await expect(ana.frame.getByTestId('two-devices')).toHaveCount(0);
    const stores = await page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name));
    expect(stores).toEqual(expect.arrayContaining(['daybook:side-ana', 'daybook:side-ben']));
    const { held = [] } = await page.evaluate(() => navigator.locks.query());
    const syncLocks = held.map(({ name }) => name).filter((name) => name?.startsWith('daybook:sync:side-'));
    expect(syncLocks.sort()).toEqual(['daybook:sync:side-ana', 'daybook:sync:side-ben']);
  });

  await test.step('both are offline, each by its own switch, and nothing is sent or asked for', async () => {
    await ana.offlineSwitch.click();
    await expect(ben.offlineSwitch).toHaveAttribute('aria-checked', 'false');
    await ben.offlineSwitch.click();
    for (const device of [ana, ben]) await expect(device.offlineSwitch).toHaveAttribute('aria-checked', 'true');
    await expect(guide).toHaveAttribute('data-step', 'count');
    const before = syncRequests.length;
    await ana.enter(STEPPED, 40);
    await ana.enter(COUNTED, 48);
    await ana.enter(DOUBTFUL, 240);
    await ben.item(STEPPED).getByTestId('count-plus').click();
    await ben.enter(COUNTED, 55);
    await expect(ana.badge).toHaveText('3 on this device');
    await expect(ben.badge).toHaveText('2 on this device');
    await expect(guide).toHaveAttribute('data-step', 'return');
    await expect(booksLine).toContainText('0 entries');
    expect(syncRequests.slice(before)).toEqual([]);
    expect(await database.events()).toEqual([]);
  });

  await test.step('a count that is hard to believe waits for the books, and nobody is sent to the shelf before', async () => {
    await expect(ana.item(DOUBTFUL).getByTestId('recount-waits')).toBeVisible();
    await expect(ana.item(STEPPED).getByTestId('recount-waits')).toHaveCount(0);
    await expect(ana.recountTasks).toHaveCount(0);
    await ana.offlineSwitch.click();
    await expect(ana.badge).toHaveText('All in the warehouse’s books');
    await expect(ana.recountTasks).toContainText('240 counted, 24 expected');
    await expect(ana.item(DOUBTFUL).getByTestId('recount-waits')).toHaveCount(0);
    await expect(ben.recountTasks).toHaveCount(0);
    await expect(guide).toHaveAttribute('data-step', 'return');
    await expect(booksLine).toContainText('4 entries');
  });

  const expectSeen = async (): Promise<void> => {
    await ben.frame.getByRole('button', { name: 'Decide' }).click();
    await expect(ben.cards).toHaveCount(1);
    await expect(ben.cards).toHaveAttribute('data-outcome', 'changed');
    await expect(ben.cards).toBeVisible();
    const steps = ben.cards.locator('.again-steps > div');
    await expect(steps).toHaveText([
      'You had decided+136 → 37',
      'Ana, meanwhilecounted36 → 40',
      'Decided now+140 → 41',
    ]);
    await expect(ben.cards).toContainText('Ana was first in the books, so your +1 goes on from 40.');
    await expect(ben.setAside).toHaveCount(1);
    await expect(ben.setAside).toHaveAttribute('data-code', 'COUNTED_MEANWHILE');
    await expect(ben.setAside).toContainText('Known before52');
    await expect(ben.setAside).toContainText('Set aside55Ben,');
    await expect(ben.setAside).toContainText('In the books48Ana,');
    await expect(ben.setAside).toContainText('Only one can be right.');
  };

  await test.step('the other one comes back: what was decided again, and what is set aside, with all the numbers', async () => {
    await ben.offlineSwitch.click();
    for (const device of [ana, ben]) {
      await expect(device.quantity(STEPPED)).toHaveValue('41');
      await expect(device.quantity(COUNTED)).toHaveValue('48');
    }
    await expect(guide).toHaveAttribute('data-step', 'see');
    await expect(page.getByTestId('device-Ben').getByText('2 to look at')).toBeVisible();
    await expectSeen();
    await expect(ana.cards).toHaveCount(0);
    await expect(ana.setAside).toHaveCount(0);
    await expect(booksLine).toContainText('5 entries');
    await expect(booksLine).toContainText('+1 Ben');
  });

  await test.step('it is still there after a reload, until somebody has seen it', async () => {
    await page.reload();
    await expectSeen();
    await ben.cards.getByTestId('dismiss').click();
    await expect(ben.cards).toHaveCount(0);
    await expect(ben.setAside).toHaveCount(1);
  });

  await test.step('what is set aside is used after all, and everybody hears of it', async () => {
    await ben.setAside.getByTestId('aside-again').click();
    await expect(ben.setAside).toHaveCount(0);
    for (const device of [ana, ben]) {
      await expect(device.quantity(COUNTED)).toHaveValue('55');
      await expect(device.badge).toHaveText('All in the warehouse’s books');
    }
    await expect(guide).toHaveAttribute('data-step', 'part');
  });

  const recorded = (await database.events()).map(({ topic, data }) => [topic, data.sku, data.quantity ?? data.change]);
  expect(recorded).toEqual([
    ['stock:Item.Counted', STEPPED, 40],
    ['stock:Item.Counted', COUNTED, 48],
    ['stock:Item.Counted', DOUBTFUL, 240],
    ['stock:Recount.Asked', DOUBTFUL, undefined],
    ['stock:Item.Stepped', STEPPED, 1],
    ['stock:Item.Counted', COUNTED, 55],
  ]);
  expect(complaints).toEqual([]);
  expect(server.errors).toBe('');
});
