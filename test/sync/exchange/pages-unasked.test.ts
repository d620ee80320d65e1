/** Pages that a server sends unasked: used where they fit, asked for where they do not, and nothing rests on them. */
import { afterEach, describe, expect, test } from 'vitest';
import type { Cursor, UnitPage } from '../../../src/persistence/unit.js';
import { ExchangeDevice, NaiveLog, stopDevices } from '../../support/exchange-scene.js';

afterEach(stopDevices);

const A = '00000000-0000-4000-8000-00000000000a';
const B = '00000000-0000-4000-8000-00000000000b';
const ALL = { eventsMax: 1_000, bytesMax: 1e9 };

/** A log, a device that writes to it, and one that hears of it. */
async function pair(): Promise<{ log: NaiveLog; writer: ExchangeDevice; reader: ExchangeDevice }> {
  const log = new NaiveLog();
  const [writer, reader] = [new ExchangeDevice(log).start(), new ExchangeDevice(log).start()];
  await Promise.all([writer.settled(), reader.settled()]);
  return { log, writer, reader };
}

async function cursorOf({ store }: ExchangeDevice): Promise<Cursor> {
  return (await store.syncProgress()).cursor;
}

function ids({ store }: ExchangeDevice): readonly string[] {
  return store.rows.map(({ id }) => id);
}

async function confirmed(device: ExchangeDevice, at: number): Promise<void> {
  await device.until(({ pending, position, state }) => pending === 0 && position === at && state === 'live');
}

describe('a page that the server sends unasked', () => {
  test('is stored without a request, and so are those that follow on it', async () => {
    const { log, writer, reader } = await pair();
    const pages: UnitPage[] = [];
    for (const of of [A, B, A]) {
      const after = await cursorOf(writer);
      writer.record(of);
      await writer.settled();
      pages.push(await log.page(after, ALL));
    }
    const before = reader.requests.length;
    for (const page of pages) reader.exchange.notePage(page);
    await reader.until(({ position, state }) => position === 3 && state === 'live');
    expect(ids(reader)).toEqual(ids(writer));
    expect(reader.requests.length).toBe(before);
  });

  test.each<[string, (pages: readonly UnitPage[]) => readonly UnitPage[]]>([
    ['with the one before it missing', ([, second]) => [second as UnitPage]],
    ['out of order', ([first, second]) => [second as UnitPage, first as UnitPage]],
    ['more of them than anybody wants to keep', ([, second]) => Array.from({ length: 100 }, () => second as UnitPage)],
  ])('is passed over where it does not begin at the cursor (%s): what there is is asked for', async (_how, sent) => {
    const { log, writer, reader } = await pair();
    const pages: UnitPage[] = [];
    for (const of of [A, B]) {
      const after = await cursorOf(writer);
      writer.record(of);
      await writer.settled();
      pages.push(await log.page(after, ALL));
    }
    for (const page of sent(pages)) reader.exchange.notePage(page);
    await reader.until(({ position, state }) => position === 2 && state === 'live');
    expect(ids(reader)).toEqual(ids(writer));
  });

  test('that comes twice, or late, changes nothing', async () => {
    const { log, writer, reader } = await pair();
    const after = await cursorOf(writer);
    writer.record(A);
    await writer.settled();
    const page = await log.page(after, ALL);
    reader.exchange.notePage(page);
    reader.exchange.notePage(page);
    await reader.until(({ position, state }) => position === 1 && state === 'live');
    const before = reader.requests.length;
    reader.exchange.notePage(page);
    await reader.until(({ state }) => state === 'live');
    expect(ids(reader)).toEqual(ids(writer));
    expect(reader.requests.length).toBe(before);
  });

  test('is not taken while something is held, of which the server says only where it is asked that it has it', async () => {
    const { log, writer, reader } = await pair();
    const after = await cursorOf(writer);
    writer.record(A);
    await writer.settled();
    const page = await log.page(after, ALL);
    const read = reader.store.syncProgress.bind(reader.store);
    reader.store.syncProgress = async () => ({ ...(await read()), held: ['a place'] });
    reader.exchange.noteNews();
    await reader.until(({ state }) => state === 'live');
    const before = reader.requests.length;
    reader.exchange.notePage(page);
    await reader.until(({ position, state }) => position === 1 && state === 'live');
    expect(reader.requests.slice(before)).toEqual(['page']);
  });

  test('of a log that was set back since is asked about, and all agree', async () => {
    const { log, writer, reader } = await pair();
    const after = await cursorOf(writer);
    const id = writer.record(A);
    await writer.settled();
    reader.exchange.notePage(await log.page(after, ALL));
    await reader.until(({ position, state }) => position === 1 && state === 'live');
    log.restore(0);
    reader.exchange.noteNews();
    await reader.until(({ state }) => state === 'live');
    await writer.settled();
    await reader.settled();
    expect([log.units.map((unit) => unit.id), ids(writer), ids(reader)]).toEqual([[id], [id], [id]]);
  });
});

describe('what a device has sent, on a line on which pages come', () => {
  /** The writer has had a page of its own by the line. */
  async function live(): Promise<{ log: NaiveLog; writer: ExchangeDevice; sent: () => Promise<UnitPage> }> {
    const { log, writer } = await pair();
    let after = await cursorOf(writer);
    const sent = async (): Promise<UnitPage> => {
      const page = await log.page(after, ALL);
      after = page.to;
      return page;
    };
    // The first time it asks: it does not know yet that pages come.
    writer.record(A);
    await writer.until(({ position, state }) => position === 1 && state === 'live');
    writer.exchange.notePage(await sent());
    writer.requests.length = 0;
    return { log, writer, sent };
  }

  test('is confirmed by the page that comes, which is not asked for', async () => {
    const { writer, sent } = await live();
    for (let position = 2; position <= 4; position++) {
      writer.record(A);
      await writer.until(({ acceptedUpTo }) => acceptedUpTo > 0);
      writer.exchange.notePage(await sent());
      await confirmed(writer, position);
    }
    expect(writer.requests).toEqual(['push', 'push', 'push']);
  });

  test('is confirmed as well where the page comes before the answer', async () => {
    const { writer, sent } = await live();
    writer.faults.push({ after: async () => writer.exchange.notePage(await sent()) });
    writer.record(A);
    await confirmed(writer, 2);
    expect(writer.requests).toEqual(['push']);
  });

  test('is asked about after half a second, where no page has come', async () => {
    const { writer } = await live();
    writer.record(A);
    await writer.until(({ acceptedUpTo }) => acceptedUpTo > 0);
    writer.clock.advance(499);
    await writer.until(({ acceptedUpTo }) => acceptedUpTo > 0);
    expect(writer.requests).toEqual(['push']);
    writer.clock.advance(1);
    await confirmed(writer, 2);
    expect(writer.requests).toEqual(['push', 'page']);
  });

  test.each<[string, (writer: ExchangeDevice) => void]>([
    ['the server says that there is something, and does not send it', ({ exchange }) => exchange.noteNews(2)],
    ['the line is lost', ({ exchange }) => exchange.setLive(false)],
    ['somebody asks for it', ({ exchange }) => exchange.attemptNow()],
  ])('is asked about at once where %s', async (_why, happens) => {
    const { writer } = await live();
    writer.record(A);
    await writer.until(({ acceptedUpTo }) => acceptedUpTo > 0);
    happens(writer);
    await confirmed(writer, 2);
    expect(writer.requests).toEqual(['push', 'page']);
  });

  test('is not sent again because of a page that was read before it was accepted', async () => {
    const { log, writer, sent } = await live();
    const other = new ExchangeDevice(log).start();
    await other.settled();
    other.record(B);
    await other.settled();
    const ofOther = await sent();
    writer.faults.push({ after: () => writer.exchange.notePage(ofOther) });
    writer.record(A);
    await writer.until(({ position }) => position === 2);
    writer.exchange.notePage(await sent());
    await confirmed(writer, 3);
    expect(writer.requests).toEqual(['push']);
  });

  test('and conflicts: the log is followed at once', async () => {
    const { log, writer } = await live();
    const other = new ExchangeDevice(log).start();
    await other.settled();
    other.record(A);
    await other.settled();
    const id = writer.record(A);
    await writer.until(({ setAside, state }) => setAside === 1 && state === 'live');
    expect(writer.store.asideRows.map((unit) => unit.id)).toEqual([id]);
    expect(writer.requests).toEqual(['push', 'page']);
  });
});
