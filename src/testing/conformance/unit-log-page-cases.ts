/**
 * What a server’s log of units shows, and to whom.
 *
 * @module
 */
import type { StoredEvent } from '../../persistence/stored-event.js';
import { CURSOR_START } from '../../persistence/unit.js';
import type { ConfirmedUnit, PendingUnit } from '../../persistence/unit.js';
import type { Visibility } from '../../server/log/unit-log.js';
import { expectEqual, expectRejection } from './conformance.js';
import { newOriginatorId, sampleEvent, sampleEvents } from './event-samples.js';
import { asLost, pageOf, readLog, sampleUnit } from './unit-samples.js';
import { ANN, BOB, NO, SEALED, kindsOf, endOf, unitsAfter } from './unit-log-context.js';
import type { Case } from './unit-log-context.js';

const newsAsPages: Case = {
  name: 'what is new is the page that who asks would be given, where it is little; and where the log ends',
  async run({ open, insertBeside, backup }) {
    const log = open(SEALED);
    const limits = { eventsMax: 5, bytesMax: 10_000 };
    const begin = await log.news(limits);
    expectEqual(begin, { end: await endOf(log), position: await log.head(), page: undefined }, 'the end');
    const nothing = await log.news({ ...limits, after: begin.end });
    expectEqual(
      [nothing.end, nothing.page?.units, nothing.page?.to],
      [begin.end, [], begin.end],
      'where nothing is new',
    );
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    const first = sampleUnit([sampleEvent(a, 1), sampleEvent(b, 1), sampleEvent(a, 2)], { scopes: ['north', 'é'] });
    await log.push([first, sampleUnit([sampleEvent(b, 2)], { after: [first.id] })], ANN);
    // What was committed a moment ago, and what is read.
    const head = await log.head();
    const little = await log.news({ ...limits, after: begin.end, head });
    expectEqual(little.page, await pageOf(log, begin.end), 'the page');
    const read = await open(SEALED).news({ ...limits, after: begin.end, head });
    expectEqual(read, little, 'the same of another process');
    expectEqual([little.end, little.position], [await endOf(log), await log.head()], 'where it ends');
    const ofAnn: Visibility = { id: 'ann', isVisible: ({ origin }) => origin.author === 'ann' };
    const part = await log.news({ ...limits, visibility: ofAnn });
    await log.push([sampleUnit([sampleEvent(newOriginatorId(), 1)])], BOB);
    const others = await log.news({ ...limits, visibility: ofAnn, after: part.end });
    expectEqual(others.page, await log.page(part.end, { ...limits, visibility: ofAnn }), 'the page of a part');
    const otherPart = await log.news({ ...limits, after: part.end });
    expectEqual(
      [otherPart.page, otherPart.end],
      [undefined, await endOf(log)],
      'where another part may be seen by now',
    );
    for (const bounds of [
      { ...limits, eventsMax: 1 },
      { ...limits, eventsMax: 5 },
      { ...limits, bytesMax: 1 },
    ]) {
      const much = await log.news({ ...bounds, after: begin.end });
      expectEqual([much.page, much.end], [undefined, await endOf(log)], `with ${bounds.eventsMax} ${bounds.bytesMax}`);
    }
    await insertBeside([sampleEvent(newOriginatorId(), 1)]);
    const beside = await log.news({ ...limits, after: little.end, head: await log.head() });
    expectEqual(beside.page, await pageOf(log, little.end), 'what others have inserted');
    const restore = await backup();
    await log.push([sampleUnit([sampleEvent(newOriginatorId(), 1)])], ANN);
    const { end } = await log.news(limits);
    await restore();
    const back = await log.news({ ...limits, after: end });
    expectEqual([back.page, back.end], [undefined, await endOf(log)], 'of a log that was set back');
  },
};

const pagesEndWithUnits: Case = {
  name: 'a page ends where a unit ends, whichever limit is reached',
  async run({ open }) {
    const log = open();
    const before = await endOf(log);
    const large = (id: string): StoredEvent => ({ ...sampleEvent(id, 1), state: new Uint8Array(1_000) });
    const units = [2, 3, 1, 4].map((count) =>
      sampleUnit(Array.from({ length: count }, () => large(newOriginatorId()))),
    );
    await log.push(units, ANN);
    const counts = async (limits: { eventsMax: number; bytesMax: number }): Promise<readonly number[]> => {
      const found: number[] = [];
      let cursor = before;
      for (;;) {
        const page = await pageOf(log, cursor, limits);
        if (page.to === cursor) return found;
        found.push(page.units.length);
        cursor = page.to;
      }
    };
    expectEqual(await counts({ eventsMax: 2, bytesMax: 1_000_000 }), [1, 1, 2], 'by events');
    expectEqual(await counts({ eventsMax: 3, bytesMax: 1_000_000 }), [2, 2], 'by events, in the middle of a unit');
    expectEqual(await counts({ eventsMax: 1_000, bytesMax: 1 }), [1, 1, 1, 1], 'by bytes: one at least');
    expectEqual(await counts({ eventsMax: 1_000, bytesMax: 5_500 }), [3, 1], 'by bytes');
    expectEqual(await counts({ eventsMax: 1_000, bytesMax: 1_000_000 }), [4], 'all');
  },
};

const unknownCursors: Case = {
  name: 'a cursor that is not of this log is told from one that is',
  async run({ open }) {
    const log = open();
    const two = [1, 2].map(() => sampleUnit([sampleEvent(newOriginatorId(), 1), sampleEvent(newOriginatorId(), 1)]));
    await log.push(two, ANN);
    const { cursor } = await readLog(log);
    const position = await log.head();
    const limits = { eventsMax: 1, bytesMax: 1 };
    for (const [what, unknown] of [
      ['another hash', cursor.replace(/.$/, (last) => (last === '0' ? '1' : '0'))],
      ['in the middle of a unit', cursor.replace(`.${position}.`, `.${position - 1}.`)],
      ['at another unit', cursor.replace(`.${position}.`, `.${position - 2}.`)],
      ['after the end', cursor.replace(`.${position}.`, `.${position + 2}.`)],
      ['of another version', cursor.replace(/^1/, '2')],
      ['nothing', ''],
      ['no cursor', 'Robert'],
    ] as const) {
      expectEqual(await log.page(unknown, limits), undefined, what);
    }
    expectEqual((await log.page(cursor, limits))?.from, cursor, 'its own');
    for (const [what, held] of [
      ['held, of another log', [cursor, cursor.replace(/.$/, (last) => (last === '0' ? '1' : '0'))]],
      ['held, and no cursor', ['Robert']],
    ] as const) {
      expectEqual(await log.page(cursor, { ...limits, held }), undefined, what);
      expectEqual(await log.page(CURSOR_START, { ...limits, held }), undefined, `${what}, from the start`);
    }
    const held = [cursor, CURSOR_START, `${cursor}.abc`];
    expectEqual((await log.page(cursor, { ...limits, held }))?.from, cursor, 'held, whatever was visible there');
    await expectRejection(log.page('1'.repeat(201), limits), 'PROGRAMMING_ERROR', 'a cursor without end');
  },
};

const commonPlace: Case = {
  name: 'the common place is the newest mark that the log has',
  async run({ open }) {
    const log = open();
    const next = async (): Promise<string> => {
      await log.push([sampleUnit([sampleEvent(newOriginatorId(), 1)])], ANN);
      return await endOf(log);
    };
    const [oldest, middle, newest] = [await next(), await next(), await next()];
    const cursors = [newest, middle, oldest];
    const strange = cursors.map((cursor) => cursor.replace(/.{4}$/, 'dead'));
    const marks = [...strange, 'x', middle, oldest, CURSOR_START];
    expectEqual(await log.common(marks), middle, 'among others');
    expectEqual(await log.common([oldest, newest]), newest, 'in whatever order');
    expectEqual(await log.common(strange), CURSOR_START, 'of another log');
    expectEqual(await log.common([]), CURSOR_START, 'of nothing');
    const many = Array.from({ length: 2_000 }, (_, index) => `1.${index + 1}.${'ab'.repeat(16)}`);
    expectEqual(await log.common([...many, oldest]), oldest, 'among very many');
  },
};

const seenInPart: Case = {
  name: 'who may see a part gets that part, with how much it is of, and a cursor of his own',
  async run({ open, backup }) {
    const log = open(SEALED);
    const start = await log.head();
    const restore = await backup();
    const [seen, hidden] = [newOriginatorId(), newOriginatorId()];
    const first = sampleUnit([sampleEvent(hidden, 1), sampleEvent(seen, 1)]);
    const unseen = sampleUnit([sampleEvent(hidden, 2)], { after: [first.id] });
    const last = sampleUnit([sampleEvent(seen, 2)], { after: [first.id] });
    await log.push([first, unseen, last], ANN);
    const visibility = {
      id: 'only-seen',
      isVisible: (unit: ConfirmedUnit, index: number): boolean => unit.events[index]?.originatorId === seen,
    };
    const limits = { eventsMax: 1_000, bytesMax: 1_000_000, visibility };
    const page = await pageOf(log, CURSOR_START, limits);
    const mine = page.units.filter(({ position }) => position > start);
    expectEqual(
      mine.map((unit) => [unit.id, unit.total, unit.events]),
      [
        [first.id, 2, [sampleEvent(seen, 1)]],
        [last.id, 1, [sampleEvent(seen, 2)]],
      ],
      'the page',
    );
    expectEqual([page.position, page.head], [start + 4, start + 4], 'where it ends');
    expectEqual((await pageOf(log, page.to, limits)).units, [], 'what follows');
    const other = { ...limits, visibility: { ...visibility, id: 'other' } };
    const [all, whole] = [{ eventsMax: 1, bytesMax: 1 }, await endOf(log)];
    await expectRejection(log.page(page.to, all), 'SCOPES_CHANGED', 'to whom sees everything');
    await expectRejection(log.page(page.to, other), 'SCOPES_CHANGED', 'to whom sees something else');
    await expectRejection(log.page(whole, limits), 'SCOPES_CHANGED', 'to whom has seen everything');
    expectEqual((await log.page(whole, { ...all, held: [page.to] }))?.from, whole, 'what is held of another part');
    expectEqual(await log.common([page.to]), page.to, 'a mark');
    await restore();
    // Another part, or another log: of these two, only the second loses anything.
    for (const [what, options] of [
      ['everything', all],
      ['something else', other],
    ] as const) {
      expectEqual(await log.page(page.to, options), undefined, `after it was set back, to whom sees ${what}`);
    }
    expectEqual(
      await log.page(CURSOR_START, { ...limits, held: [page.to] }),
      undefined,
      'after it was set back, to whom follows it once more',
    );
    expectEqual(await log.common([page.to]), CURSOR_START, 'a mark of the log as it was');
    const { decisions: healings } = await log.heal(asLost(mine), BOB);
    expectEqual(
      healings.map(({ kind }) => kind),
      ['setAside', 'setAside'],
      'a part that is offered, and what stood on it',
    );
    const [offer] = (await log.refused({ limit: 10_000 })).filter(({ id }) => id === first.id);
    expectEqual(offer?.code, 'PARTIAL', 'why');
    await expectRejection(
      log.page(CURSOR_START, { ...limits, visibility: { ...visibility, id: 'a.b' } }),
      'PROGRAMMING_ERROR',
      'an id that no cursor can have',
    );
  },
};

const pushedUnseen: Case = {
  name: 'who may not see what a unit is about is told so, and nothing is kept of it: it may come again',
  async run({ open }) {
    const log = open();
    const before = await endOf(log);
    const [seen, hidden] = [newOriginatorId(), newOriginatorId()];
    const visibility: Visibility = {
      id: 'only-seen',
      isVisible: (unit, index) => unit.events[index]?.originatorId === seen,
    };
    const codesOf = async (units: readonly PendingUnit[], sender = ANN): Promise<readonly string[]> =>
      (await log.push(units, sender, async ({ id }) => (id === bad.id ? NO : undefined), visibility)).decisions.map(
        (decision) => (decision.kind === 'rejected' ? decision.code : decision.kind),
      );
    const bad = sampleUnit([sampleEvent(hidden, 1)]);
    const mine = sampleUnit([sampleEvent(seen, 1)]);
    const both = sampleUnit([sampleEvent(seen, 2), sampleEvent(hidden, 1)], { after: [mine.id, undefined] });
    expectEqual(
      await codesOf([bad, mine, both]),
      ['OUT_OF_SCOPE', 'accepted', 'OUT_OF_SCOPE'],
      'units that are new, of which a part is enough',
    );
    expectEqual(
      (await unitsAfter(log, before)).map(({ id }) => id),
      [mine.id],
      'the log',
    );
    const refused = sampleUnit([sampleEvent(hidden, 1)]);
    await log.push([refused], ANN, async () => NO);
    expectEqual(kindsOf(await log.push([both], ANN)), ['accepted'], 'the same unit, when all is visible');
    const gone = sampleUnit([sampleEvent(hidden, 2)], { after: [both.id] });
    await log.push([gone], ANN);
    const more = Array.from({ length: 3 }, (_, index) =>
      sampleUnit([sampleEvent(newOriginatorId(), 1)], { scopes: [String(index)] }),
    );
    await log.push(more, ANN);
    // In a form that tells otherwise: what counts is what the log has.
    const inAnotherForm = { ...gone, events: [sampleEvent(seen, 3)] };
    expectEqual(
      await codesOf([mine, both, inAnotherForm, refused, ...more]),
      ['accepted', 'accepted', 'OUT_OF_SCOPE', 'NO', 'OUT_OF_SCOPE', 'OUT_OF_SCOPE', 'OUT_OF_SCOPE'],
      'units that are known',
    );
    expectEqual(
      await codesOf([inAnotherForm, sampleUnit([sampleEvent(hidden, 9)], { id: refused.id })], BOB),
      ['FORBIDDEN', 'FORBIDDEN'],
      "somebody else's, of which nothing is told",
    );
    expectEqual(kindsOf(await log.push([gone], ANN)), ['accepted'], 'what is granted again');
    await expectRejection(
      log.push([mine], ANN, undefined, { ...visibility, id: 'a.b' }),
      'PROGRAMMING_ERROR',
      'an id that no cursor can have',
    );
  },
};

const historyIsRead: Case = {
  name: 'the history of an aggregate is read by parts, in the order of its versions, by who may see all of it',
  async run({ open }) {
    const log = open();
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    const first = sampleUnit([sampleEvent(a, 1), sampleEvent(b, 1), sampleEvent(a, 2)]);
    const second = sampleUnit([sampleEvent(b, 2)], { after: [first.id] });
    const third = sampleUnit([sampleEvent(a, 3), sampleEvent(a, 4)], { after: [first.id] });
    await log.push([first, second, third], ANN);
    const read = async (after: number, upTo: number, more: object = {}): Promise<readonly StoredEvent[] | undefined> =>
      await log.history(a, { after, upTo, eventsMax: 100, bytesMax: 100_000, ...more });
    expectEqual(await read(0, 100), sampleEvents(a, 1, 4), 'all of it');
    expectEqual(await read(1, 3), sampleEvents(a, 2, 3), 'a part');
    expectEqual(await read(0, 100, { eventsMax: 1 }), sampleEvents(a, 1, 2), 'at least a unit');
    expectEqual(await read(2, 100, { bytesMax: 1 }), sampleEvents(a, 3, 4), 'the next');
    expectEqual(await read(4, 100), [], 'what is not there yet');
    expectEqual(await log.history(newOriginatorId(), { after: 0, upTo: 1, eventsMax: 1, bytesMax: 1 }), [], 'another');
    const onlyB: Visibility = { id: 'b', isVisible: ({ events }, index) => events[index]?.originatorId === b };
    expectEqual(await read(0, 100, { visibility: onlyB }), [], 'by who may not see it');
    await expectRejection(read(0, 1, { eventsMax: 0 }), 'PROGRAMMING_ERROR', 'no events');
  },
};

/** Cases about pages, news and history. */
export const unitPageCases: readonly Case[] = [
  newsAsPages,
  pagesEndWithUnits,
  unknownCursors,
  commonPlace,
  seenInPart,
  pushedUnseen,
  historyIsRead,
];
