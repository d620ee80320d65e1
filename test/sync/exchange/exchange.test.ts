import { afterEach, describe, expect, test } from 'vitest';
import {
  ForbiddenError,
  TooLargeError,
  UnauthorizedError,
  UnavailableError,
  UpgradeRequiredError,
} from '../../../src/sync/protocol/index.js';
import { ExchangeDevice, NaiveLog, stopDevices } from '../../support/exchange-scene.js';

afterEach(stopDevices);

const A = '00000000-0000-4000-8000-00000000000a';
const B = '00000000-0000-4000-8000-00000000000b';

/** What devices and log hold, to be compared: every event of an aggregate in its order, with its unit. */
function contents({ rows }: ExchangeDevice['store']): string[] {
  return rows
    .flatMap(({ id, events }) => events.map((event) => `${event.originatorId} ${event.originatorVersion} ${id}`))
    .sort();
}

function expectAgreement(log: NaiveLog, ...devices: readonly ExchangeDevice[]): void {
  const there = log.units
    .flatMap(({ id, events }) => events.map((event) => `${event.originatorId} ${event.originatorVersion} ${id}`))
    .sort();
  for (const device of devices) expect(contents(device.store)).toEqual(there);
}

describe('two devices', () => {
  test('see each other', async () => {
    const log = new NaiveLog();
    const [one, two] = [new ExchangeDevice(log).start(), new ExchangeDevice(log).start()];
    one.record(A);
    two.record(B, B);
    await Promise.all([one.settled(), two.settled()]);
    await one.settled();
    expectAgreement(log, one, two);
    expect(log.events).toHaveLength(3);
    expect(one.exchange.status.value).toMatchObject({ state: 'live', pending: 0, setAside: 0, position: 3, head: 3 });
  });

  test('that were offline on one aggregate: the first is in the log, what the other had there is set aside, the rest is not', async () => {
    const log = new NaiveLog();
    const [one, two] = [new ExchangeDevice(log), new ExchangeDevice(log)];
    one.record(A);
    const conflicting = two.record(A);
    const builtOn = two.record(B, A);
    const follows = two.record(B);
    const unrelated = two.record('00000000-0000-4000-8000-00000000000c');
    await one.start().settled();
    await two.start().settled();
    await one.settled();
    expectAgreement(log, one, two);
    expect(log.units.map(({ id }) => id)).toContain(unrelated);
    expect(two.store.asideRows.map(({ id, reason }) => [id, reason.code])).toEqual([
      [conflicting, 'CONFLICT'],
      [builtOn, 'CONFLICT'],
      [follows, 'DEPENDENCY'],
    ]);
    expect(two.exchange.status.value).toMatchObject({ state: 'live', pending: 0, setAside: 3 });
  });

  test('hear of news without a word of the server, in half a minute and some', async () => {
    const log = new NaiveLog();
    const [one, two] = [new ExchangeDevice(log).start(), new ExchangeDevice(log).start()];
    await Promise.all([one.settled(), two.settled()]);
    one.record(A);
    // Not until nothing is pending: so it was before it has looked.
    await one.until(({ position }) => position === 1);
    two.clock.advance(37_000);
    await two.until(({ position }) => position === 1);
    expectAgreement(log, one, two);
  });

  test('ask at once when the server says that there is news, without a look at the store before', async () => {
    const log = new NaiveLog();
    const [one, two] = [new ExchangeDevice(log).start(), new ExchangeDevice(log).start()];
    await Promise.all([one.settled(), two.settled()]);
    one.record(A);
    await one.until(({ position }) => position === 1);
    const before = two.requests.length;
    const requestsBeforeLooks: number[] = [];
    const read = two.store.syncProgress.bind(two.store);
    two.store.syncProgress = () => {
      requestsBeforeLooks.push(two.requests.length - before);
      return read();
    };
    two.exchange.noteNews(1);
    await two.until(({ position }) => position === 1);
    expect(requestsBeforeLooks).toEqual([1]);
    expectAgreement(log, one, two);
  });

  test('read what is pending once, and look at the store again only when something has changed there', async () => {
    const log = new NaiveLog();
    const device = new ExchangeDevice(log).start();
    // Of a server that takes more than one push at a time, and has answered one quickly, the next are read meanwhile.
    log.limits = { ...log.limits, pushes: 2 };
    device.record(B);
    await device.until(({ pending, position, state }) => pending === 0 && position === 1 && state === 'live');
    const calls: string[] = [];
    const { store } = device;
    const [look, read] = [store.syncProgress.bind(store), store.selectPendingUnits.bind(store)];
    store.syncProgress = () => {
      calls.push('look');
      return look();
    };
    store.selectPendingUnits = (...given) => {
      calls.push('read');
      return read(...given);
    };
    const answer = log.push.bind(log);
    log.push = async (...given) => {
      calls.push('push');
      return await answer(...given);
    };
    const page = log.page.bind(log);
    log.page = (...given) => {
      calls.push('page');
      return page(...given);
    };
    device.record(A);
    await device.settled();
    expect(calls.slice(0, calls.indexOf('page'))).toEqual(['look', 'read', 'push']);
    expectAgreement(log, device);
  });

  test('send what is recorded without a word of the store in between: what there is to send is read while it looks', async () => {
    const log = new NaiveLog();
    const device = new ExchangeDevice(log).start();
    await device.settled();
    const calls: string[] = [];
    const [look, read] = [
      device.store.syncProgress.bind(device.store),
      device.store.selectPendingUnits.bind(device.store),
    ];
    device.store.syncProgress = async () => {
      calls.push('look');
      const progress = await look();
      await new Promise((resolve) => setImmediate(resolve));
      calls.push('looked');
      return progress;
    };
    device.store.selectPendingUnits = (...args) => {
      calls.push('read');
      return read(...args);
    };
    device.otherwise = { before: () => void calls.push('sent') };
    const id = device.record(A);
    await device.until(({ pending, position, state }) => pending === 0 && position === 1 && state === 'live');
    expect(calls.slice(0, 4)).toEqual(['look', 'read', 'looked', 'sent']);
    expect(log.units.map((unit) => unit.id)).toEqual([id]);
  });

  test('send what is recorded while they look as well', async () => {
    const log = new NaiveLog();
    const device = new ExchangeDevice(log).start();
    await device.settled();
    const look = device.store.syncProgress.bind(device.store);
    let second: string | undefined;
    device.store.syncProgress = async () => {
      const progress = await look();
      await new Promise((resolve) => setImmediate(resolve));
      second ??= device.record(B);
      return progress;
    };
    const first = device.record(A);
    await device.until(({ pending, position, state }) => pending === 0 && position === 2 && state === 'live');
    expect(log.units.map((unit) => unit.id)).toEqual([first, second]);
  });

  test('hear of news at once where the server says so, and ask once for many words', async () => {
    const log = new NaiveLog();
    const device = new ExchangeDevice(log).start();
    await device.settled();
    await log.push([
      {
        id: crypto.randomUUID(),
        isCommutative: false,
        scopes: [],
        firstNotificationId: 1,
        after: [undefined],
        events: [{ originatorId: A, originatorVersion: 1, topic: 'T', state: new Uint8Array() }],
      },
    ]);
    const before = device.requests.length;
    for (let word = 0; word < 10; word++) device.exchange.noteNews(1);
    await device.until(({ position }) => position === 1);
    expect(device.requests.length - before).toBe(1);
    device.exchange.noteNews(1);
    await device.until(({ state }) => state === 'live');
    expect(device.requests.length - before).toBe(1);
  });

  test.each(['with its head', 'without'])('hear of news that come while a page is on its way, %s', async (how) => {
    const log = new NaiveLog();
    const [one, two] = [new ExchangeDevice(log).start(), new ExchangeDevice(log).start()];
    await Promise.all([one.settled(), two.settled()]);
    two.exchange.setLive(true);
    await two.settled();
    one.record(A);
    await one.until(({ position }) => position === 1);
    // The page was read before.
    two.faults.push({
      after: async () => {
        one.record(A);
        await one.until(({ position }) => position === 2);
        two.exchange.noteNews(how === 'without' ? undefined : 2);
      },
    });
    two.exchange.noteNews(1);
    await two.until(({ position }) => position === 2);
    expectAgreement(log, one, two);
  });
});

describe('a bad network', () => {
  const lost = { after: () => Promise.reject(new UnavailableError('lost')) };
  const notSent = { before: () => Promise.reject(new UnavailableError('lost')) };

  test('loses answers and requests: everything is there once', async () => {
    const log = new NaiveLog();
    const device = new ExchangeDevice(log);
    device.faults.push(lost, notSent, lost, lost, notSent, lost);
    for (let unit = 0; unit < 20; unit++) device.record(A, B);
    device.start();
    while (device.exchange.status.value.state !== 'live') {
      device.clock.advance(60_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(device.exchange.status.value.pending).toBe(0);
    expectAgreement(log, device);
    expect(log.units).toHaveLength(20);
  });

  test('that is away: says so, and goes on when it is back', async () => {
    const log = new NaiveLog();
    const device = new ExchangeDevice(log);
    device.isOffline = true;
    device.record(A);
    device.start();
    const status = await device.until(({ state }) => state === 'offline');
    expect(status).toMatchObject({ pending: 1, offline: true });
    expect(status.nextAttemptAtMs).toBe(device.clock.nowMs() + 60_000);
    expect(device.requests).toEqual([]);
    device.isOffline = false;
    await device.settled();
    expectAgreement(log, device);
  });

  test('that the browser takes for gone is tried once a minute all the same', async () => {
    const log = new NaiveLog();
    const device = new ExchangeDevice(log);
    device.isOffline = true;
    device.record(A);
    device.start();
    await device.until(({ state }) => state === 'offline');
    device.clock.advance(60_000);
    await device.until(({ pending }) => pending === 0);
    expectAgreement(log, device);
  });

  test('asks to wait: nothing is sent before, whoever hopes', async () => {
    const log = new NaiveLog();
    const device = new ExchangeDevice(log);
    device.record(A);
    device.faults.push({
      before: () => Promise.reject(new UnavailableError('busy', { details: { status: 429, retryAfterMs: 90_000 } })),
    });
    device.start();
    await device.until(({ state }) => state === 'waiting');
    device.exchange.attemptNow();
    device.record(A);
    device.clock.advance(89_000);
    await new Promise((resolve) => setImmediate(resolve));
    expect(device.requests).toEqual(['push']);
    // And a tenth of it at most, so that not all come at once who were told so.
    device.clock.advance(10_000);
    await device.until(({ pending, state }) => pending === 0 && state === 'live');
    expectAgreement(log, device);
  });

  test('takes less at once: smaller and smaller, and everything arrives', async () => {
    const log = new NaiveLog();
    const sizes: number[] = [];
    const push = log.push.bind(log);
    log.push = async (units) => {
      sizes.push(units.length);
      if (units.length > 3) throw new TooLargeError('a proxy', { details: { status: 413 } });
      return push(units);
    };
    const device = new ExchangeDevice(log);
    for (let unit = 0; unit < 20; unit++) device.record(A);
    await device.start().settled();
    expectAgreement(log, device);
    expect(sizes.slice(0, 4)).toEqual([20, 10, 5, 2]);
  });
});

describe('a server that says no', () => {
  test('for good: the unit is set aside with what builds on it, and the rest goes on', async () => {
    const log = new NaiveLog();
    const device = new ExchangeDevice(log);
    const refused = device.record(A);
    const builtOn = device.record(A, B);
    const other = device.record('00000000-0000-4000-8000-00000000000c');
    log.forbid = ({ id }) => (id === refused ? 'NO_SUCH_ARTICLE' : undefined);
    await device.start().settled();
    expect(log.units.map(({ id }) => id)).toEqual([other]);
    expect(device.store.asideRows.map(({ id, reason }) => [id, reason.code])).toEqual([
      [refused, 'NO_SUCH_ARTICLE'],
      [builtOn, 'DEPENDENCY'],
    ]);
    expectAgreement(log, device);
  });

  test.each([
    ['needs-auth', new UnauthorizedError('no')],
    ['upgrade-required', new UpgradeRequiredError('old')],
    ['stuck', new ForbiddenError('no')],
  ] as const)('%s: the turn ends, and the next one, after a minute, goes on', async (state, error) => {
    const log = new NaiveLog();
    const device = new ExchangeDevice(log);
    device.record(A);
    device.faults.push({ before: () => Promise.reject(error) });
    const stop = new AbortController();
    await device.exchange.run(stop.signal);
    expect(device.exchange.status.value).toMatchObject({ state, pending: 1, lastError: error });
    expect(device.exchange.waitMs).toBe(60_000);
    device.clock.advance(60_000);
    const turn = device.exchange.run(stop.signal);
    await device.until(({ pending, state: now }) => pending === 0 && now === 'live');
    expectAgreement(log, device);
    expect(device.exchange.status.value.lastError).toBeUndefined();
    stop.abort();
    await turn;
  });

  test('to one unit for its size: it is set aside, where it is the server who says so', async () => {
    const log = new NaiveLog();
    const push = log.push.bind(log);
    const device = new ExchangeDevice(log);
    const large = device.record(A);
    device.record(B);
    log.push = async (units) => {
      if (units.some(({ id }) => id === large)) throw new TooLargeError('too large');
      return push(units);
    };
    await device.start().settled();
    expect(device.store.asideRows.map(({ id, reason }) => [id, reason.code])).toEqual([[large, 'TOO_LARGE']]);
    expectAgreement(log, device);
  });

  test('that says it takes what it does not have in its log: it is said, and not tried without end', async () => {
    const log = new NaiveLog();
    log.push = async (units) => ({
      head: 0,
      conflict: undefined,
      decisions: units.map(({ id }) => ({ id, kind: 'accepted', position: 1 })),
    });
    const device = new ExchangeDevice(log);
    device.record(A);
    device.start();
    const { lastError } = await device.until(({ state }) => state === 'stuck');
    expect(lastError).toMatchObject({ code: 'STUCK' });
    expect(device.requests.filter((request) => request === 'push').length).toBeLessThan(10);
    expect(device.store.pendingRows).toHaveLength(1);
  });

  test('that has a unit of this id from before what is here: it is set aside, and the rest goes on', async () => {
    const log = new NaiveLog();
    const push = log.push.bind(log);
    const device = new ExchangeDevice(log);
    device.record(A);
    await device.start().settled();
    const again = device.record(B);
    let asked = 0;
    log.push = async (units) => {
      const answer = await push(units.filter(({ id }) => id !== again));
      const isThere = units.some(({ id }) => id === again);
      if (isThere) asked++;
      const decisions = isThere ? [{ id: again, kind: 'accepted' as const, position: 1 }] : [];
      return { ...answer, head: Math.max(answer.head, 1), decisions: [...decisions, ...answer.decisions] };
    };
    device.record(A);
    await device.until(({ setAside, pending }) => setAside === 1 && pending === 0);
    expect(device.store.asideRows.map(({ id, reason }) => [id, reason.code])).toEqual([[again, 'CONFLICT']]);
    expect(log.units).toHaveLength(2);
    // What waits behind it waits no longer than that.
    expect(asked).toBeLessThanOrEqual(3);
    expect(device.exchange.status.value.lastError).toBeUndefined();
  });

  test('that sees a conflict which no page explains: the unit is set aside, and the rest goes on', async () => {
    const log = new NaiveLog();
    const push = log.push.bind(log);
    const device = new ExchangeDevice(log);
    const odd = device.record(A);
    device.record(B);
    log.push = async (units) => {
      const at = units.findIndex(({ id }) => id === odd);
      if (at === -1) return push(units);
      return { ...(await push(units.slice(0, at))), conflict: odd };
    };
    await device.start().settled();
    expect(device.store.asideRows.map(({ id, reason }) => [id, reason.code])).toEqual([[odd, 'CONFLICT']]);
    expectAgreement(log, device);
  });

  test('something else than was asked: it decides nothing', async () => {
    const log = new NaiveLog();
    const push = log.push.bind(log);
    let isOdd = true;
    log.push = async (units) => {
      const answer = await push(units);
      if (!isOdd) return answer;
      isOdd = false;
      return { ...answer, decisions: [{ id: crypto.randomUUID(), kind: 'rejected', code: 'NO', message: 'no' }] };
    };
    const device = new ExchangeDevice(log);
    device.record(A);
    device.start();
    await device.until(({ state }) => state === 'waiting');
    expect(device.store.asideRows).toEqual([]);
    await device.settled();
    expectAgreement(log, device);
  });
});

describe('a server that was set back', () => {
  test('gets back what it had confirmed, from whoever comes, and everybody agrees', async () => {
    const log = new NaiveLog();
    const [one, two] = [new ExchangeDevice(log).start(), new ExchangeDevice(log).start()];
    for (let unit = 0; unit < 5; unit++) one.record(A);
    await one.settled();
    two.record(B);
    await two.settled();
    await one.settled();
    log.restore(2);
    await two.settled();
    expect(log.units).toHaveLength(6);
    await one.settled();
    expectAgreement(log, one, two);
    expect(one.store.asideRows).toEqual([]);
    expect(two.states).toContain('healing');
  });

  test('and has gone on since: what no longer fits is set aside, and nobody is stopped', async () => {
    const log = new NaiveLog();
    const [one, two] = [new ExchangeDevice(log).start(), new ExchangeDevice(log)];
    one.record(A);
    one.record(A);
    one.record(B);
    await one.settled();
    log.restore(1);
    two.start();
    await two.settled();
    const newer = two.record(A);
    await two.settled();
    await one.settled();
    await two.settled();
    expect(log.units.map(({ id }) => id)).toContain(newer);
    expectAgreement(log, one, two);
    expect(one.store.asideRows.map(({ reason }) => reason.code)).toEqual(['CONFLICT']);
  });

  test('while another tab takes pages, too: what is lost stays until the log was followed to its end', async () => {
    const log = new NaiveLog();
    const [one, two] = [new ExchangeDevice(log).start(), new ExchangeDevice(log).start()];
    for (const shelf of [B, A]) two.record(shelf);
    await two.settled();
    await one.settled();
    await two.stop();
    one.exchange.setPaused(true);
    const pending = one.record(A);
    const places = (): string[] => one.store.rows.map(({ id, firstId }) => `${id} ${firstId}`).sort();
    const before = places();
    log.restore(0);
    // Each page is of one unit. The first one after the offer is stored, and by another tab.
    const page = log.page.bind(log);
    log.page = (after) => page(after, { eventsMax: 1, bytesMax: 1 });
    const insertPage = one.store.insertPage.bind(one.store);
    let byOthers = 0;
    one.store.insertPage = async (taken, options) => {
      const outcome = await insertPage(taken, options);
      if (options?.offered === undefined || byOthers > 0) return outcome;
      byOthers++;
      return { isStored: false, confirmed: [], setAside: [], addedEvents: 0 };
    };
    one.exchange.setPaused(false);
    await one.settled();
    expect(byOthers).toBe(1);
    // Nothing has left, and come again.
    expect(places()).toEqual(before);
    expect(one.store.asideRows).toEqual([]);
    expect(log.units.map(({ id }) => id).at(-1)).toBe(pending);
    expectAgreement(log, one);
  });

  test('to nothing, or exchanged for another one: its devices bring all of it', async () => {
    const log = new NaiveLog();
    const device = new ExchangeDevice(log).start();
    for (let unit = 0; unit < 10; unit++) device.record(A, B);
    await device.settled();
    log.restore(0);
    await device.settled();
    expectAgreement(log, device);
    expect(log.units).toHaveLength(10);
  });

  test('between the answer of a push and the page: what was accepted is sent again', async () => {
    const log = new NaiveLog();
    const device = new ExchangeDevice(log);
    device.record(A);
    device.faults.push({ after: () => log.restore(0) });
    await device.start().settled();
    expectAgreement(log, device);
    expect(device.requests.filter((request) => request === 'push')).toHaveLength(2);
  });
});

describe('by choice', () => {
  test('paused: nothing is sent or fetched until it goes on', async () => {
    const log = new NaiveLog();
    const device = new ExchangeDevice(log);
    device.exchange.setPaused(true);
    device.record(A);
    device.start();
    await device.until(({ state, pending }) => state === 'paused' && pending === 1);
    device.clock.advance(600_000);
    await new Promise((resolve) => setImmediate(resolve));
    expect(device.requests).toEqual([]);
    device.exchange.setPaused(false);
    await device.settled();
    expectAgreement(log, device);
  });

  test('pull only: what is recorded here stays here', async () => {
    const log = new NaiveLog();
    const [one, two] = [new ExchangeDevice(log).start(), new ExchangeDevice(log, 'pull').start()];
    one.record(A);
    await one.settled();
    two.record(B);
    two.exchange.attemptNow();
    await two.until(({ state, position }) => state === 'live' && position === 1);
    expect(two.exchange.status.value.pending).toBe(1);
    expect(two.requests).not.toContain('push');
  });
});

test('a store that cannot be read: nothing is said of what is pending, and it is tried again', async () => {
  const log = new NaiveLog();
  const device = new ExchangeDevice(log);
  const read = device.store.syncProgress.bind(device.store);
  device.store.syncProgress = () => Promise.reject(new Error('gone'));
  const stop = new AbortController();
  await device.exchange.run(stop.signal);
  expect(device.exchange.status.value).toMatchObject({ state: 'starting', pending: undefined });
  device.store.syncProgress = read;
  device.clock.advance(60_000);
  const turn = device.exchange.run(stop.signal);
  await device.settled();
  stop.abort();
  await turn;
});
