/**
 * What every outbox promises.
 *
 * @module
 */
import type { RecordedEvent } from '../../domain/event-metadata.js';
import type { InlineParticipant } from '../../application/events/inline-participant.js';
import type { NotifiedEvent } from '../../application/events/notified-event.js';
import type { Outbox, OutboxEntry, OutboxOutcome } from '../../application/outbox/outbox.js';
import type { TransactionalRecorder } from '../../persistence/recorder-transaction.js';
import type { SqlQueryable } from '../../persistence/sql/sql-queryable.js';
import type { Clock } from '../../util/clock.js';
import { expectEqual, expectTrue } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newOriginatorId } from './event-samples.js';
import { recordWith, sampleRecordedEvent } from './recorded-events.js';

/** How an outbox under test is made. */
export interface OutboxCaseOptions {
  readonly clock: Clock;
  readonly select?: (event: NotifiedEvent) => boolean;
}

/** The recorder whose events go out, and how to make outboxes on it. */
export interface OutboxContext {
  /** It may hold events already, but nobody else writes to it. */
  readonly recorder: TransactionalRecorder<SqlQueryable | undefined>;
  /** Makes one that is empty, in the database of the recorder. */
  openOutbox(options: OutboxCaseOptions): Promise<Outbox>;
}

type Case = ConformanceCase<OutboxContext>;

const LEASE_MS = 1_000;
// No lease and no wait here is longer.
const AHEAD_MS_MAX = 2_000;
// More than some engines take parameters in a statement.
const MANY = 120;
const DAY_MS = 86_400_000;

/** One outbox, and shorthands to use it. */
class OutboxLab {
  readonly outbox: Outbox;
  readonly #recorder: OutboxContext['recorder'];
  readonly #clock: { atMs: number };
  #leases = 0;

  private constructor(outbox: Outbox, recorder: OutboxContext['recorder'], clock: { atMs: number }) {
    this.outbox = outbox;
    this.#recorder = recorder;
    this.#clock = clock;
  }

  static async open(context: OutboxContext, select?: (event: NotifiedEvent) => boolean): Promise<OutboxLab> {
    const time = { atMs: 1_000_000 };
    // Nothing is scheduled by an outbox.
    const clock: Clock = { nowMs: () => time.atMs, monotonicMs: () => time.atMs, schedule: () => () => undefined };
    const outbox = await context.openOutbox({ clock, ...(select === undefined ? {} : { select }) });
    return new OutboxLab(outbox, context.recorder, time);
  }

  /** Moves the clock. */
  pass(ms: number): void {
    this.#clock.atMs += ms;
  }

  get nowMs(): number {
    return this.#clock.atMs;
  }

  /** Records events of aggregates, each in a commit of its own. @returns them in their order */
  async record(...aggregates: readonly string[]): Promise<readonly NotifiedEvent[]> {
    const recorded: NotifiedEvent[] = [];
    for (const id of aggregates) {
      const version =
        1 + ((await this.#recorder.selectEvents(id, { desc: true, limit: 1 }))[0]?.originatorVersion ?? 0);
      recorded.push(...(await recordWith(this.#recorder, [this.outbox], [sampleRecordedEvent(id, version)])));
    }
    return recorded;
  }

  async claim(limit: number = 100): Promise<{ readonly leaseId: string; readonly entries: readonly OutboxEntry[] }> {
    const leaseId = `lease ${++this.#leases} ${newOriginatorId()}`;
    const { nowMs } = this;
    const times = { nowMs, leaseUntilMs: nowMs + LEASE_MS, horizonMs: nowMs + AHEAD_MS_MAX };
    return { leaseId, entries: await this.outbox.claim({ leaseId, ...times, limit }) };
  }

  /** The positions that can be claimed. They are given back at once. */
  async claimable(): Promise<readonly number[]> {
    const { leaseId, entries } = await this.claim();
    await this.outbox.release(leaseId);
    return positions(entries);
  }

  /** Claims what can be claimed and settles the first entry of an aggregate in some way; the rest is given back. */
  async settleFirst(aggregateId: string, outcome: (id: string) => OutboxOutcome): Promise<OutboxEntry> {
    const { leaseId, entries } = await this.claim();
    const entry = entries.find((candidate) => candidate.aggregateId === aggregateId) as OutboxEntry;
    await this.outbox.settle(leaseId, [outcome(entry.id)]);
    await this.outbox.release(leaseId);
    return entry;
  }

  published(id: string): OutboxOutcome {
    return { id, kind: 'published', publishedAtMs: this.nowMs };
  }

  failed(id: string): OutboxOutcome {
    return { id, kind: 'failed', error: 'Error: no', counts: true, nextAttemptAtMs: 0 };
  }

  again(id: string, inMs: number): OutboxOutcome {
    return { id, kind: 'again', error: 'Error: not \u0000 yet', counts: true, nextAttemptAtMs: this.nowMs + inMs };
  }
}

function positions(entries: readonly (OutboxEntry | NotifiedEvent)[]): readonly number[] {
  return entries.map((each) => ('position' in each ? each.position : each.notificationId));
}

const committedTogether: Case = {
  name: 'an entry is there when its event is, and not when it was taken back',
  async run(context) {
    const lab = await OutboxLab.open(context);
    const [kept, lost] = [newOriginatorId(), newOriginatorId()];
    const events = await lab.record(kept, kept);
    const outcome = await context.recorder
      .transaction(async (transaction) => {
        const participant: InlineParticipant = { onRecorded: (inner, added) => lab.outbox.onRecorded(inner, added) };
        await recordWith(transaction, [participant], [sampleRecordedEvent(lost, 1)]);
        throw new RangeError('taken back');
      })
      .catch((error: unknown) => error);
    expectTrue(outcome instanceof RangeError, 'the transaction was taken back');
    expectEqual(positions(await lab.outbox.pending()), positions(events), 'entries');
    expectEqual(await lab.outbox.counts(), { pending: 2, published: 0, failed: 0 }, 'counts');
  },
};

const keepsTheEvent: Case = {
  name: 'an entry keeps the event as it was recorded',
  async run(context) {
    const lab = await OutboxLab.open(context);
    const metadata = { actorId: 'é "x"', correlationId: 'c', causationId: 'd', tenantId: 't', schemaVersion: 3 };
    const full = sampleRecordedEvent(newOriginatorId(), 1, metadata);
    const bare = sampleRecordedEvent(newOriginatorId(), 1, { occurredAt: undefined, recordedAt: undefined });
    const recorded = await recordWith(context.recorder, [lab.outbox], [full, bare]);
    const { entries } = await lab.claim();
    const read = await Promise.all(entries.map((entry) => entry.event()));
    expectEqual(read, recorded, 'the events');
    const [entry] = entries as readonly [OutboxEntry, OutboxEntry];
    expectEqual(
      [entry.eventId, entry.eventType, entry.aggregateId, entry.aggregateType, entry.tenantId, entry.createdAt],
      [full.metadata.eventId, 'Counted', full.originatorId, 'Item', 't', new Date(lab.nowMs)],
      'what stands beside it',
    );
    expectEqual(
      [entry.status, entry.retryCount, entry.lastError, entry.publishedAt, entry.nextAttemptAtMs],
      ['pending', 0, undefined, undefined, 0],
      'how it stands',
    );
  },
};

const leasesAreKept: Case = {
  name: 'what is leased is claimed by nobody else, until the lease has expired',
  async run(context) {
    const lab = await OutboxLab.open(context);
    const [one, other] = [newOriginatorId(), newOriginatorId()];
    const events = await lab.record(one, one, other);
    const first = await lab.claim();
    expectEqual(positions(first.entries), positions(events), 'the first claim');
    // Of an aggregate that is leased, nothing at all is given out, also what came later.
    await lab.record(one);
    expectEqual(positions((await lab.claim()).entries), [], 'a claim meanwhile');
    lab.pass(LEASE_MS);
    const second = await lab.claim();
    expectEqual(second.entries.length, 4, 'a claim after the lease');
    const [entry] = second.entries as readonly [OutboxEntry];
    await lab.outbox.settle(first.leaseId, [lab.published(entry.id)]);
    expectEqual(await lab.outbox.renew(first.leaseId, lab.nowMs + LEASE_MS), false, 'the first one has lost its lease');
    await lab.outbox.release(first.leaseId);
    expectEqual((await lab.outbox.counts()).published, 0, 'who lost the lease settles nothing');
    expectEqual(positions((await lab.claim()).entries), [], 'the second one holds them still');
    await lab.outbox.settle(second.leaseId, [lab.published(entry.id)]);
    await lab.outbox.release(second.leaseId);
    expectEqual((await lab.claimable()).length, 3, 'given back');
  },
};

const leaseIsProlonged: Case = {
  name: 'a lease can be prolonged',
  async run(context) {
    const lab = await OutboxLab.open(context);
    await lab.record(newOriginatorId());
    const { leaseId } = await lab.claim();
    lab.pass(LEASE_MS - 1);
    expectEqual(await lab.outbox.renew(leaseId, lab.nowMs + LEASE_MS), true, 'it was held');
    lab.pass(LEASE_MS - 1);
    expectEqual(await lab.claimable(), [], 'held still');
    lab.pass(1);
    expectEqual((await lab.claimable()).length, 1, 'expired');
  },
};

const limitKeepsOrder: Case = {
  name: 'a claim takes the first entries, and leaves the rest of their aggregates alone',
  async run(context) {
    const lab = await OutboxLab.open(context);
    const [one, other] = [newOriginatorId(), newOriginatorId()];
    const events = await lab.record(one, one, one, other);
    const first = await lab.claim(2);
    expectEqual(positions(first.entries), positions(events).slice(0, 2), 'the first claim');
    const second = await lab.claim(2);
    expectEqual(positions(second.entries), positions(events).slice(3), 'the second one: the other aggregate only');
    await lab.outbox.settle(
      first.leaseId,
      first.entries.map(({ id }) => lab.published(id)),
    );
    expectEqual(positions((await lab.claim()).entries), positions(events).slice(2, 3), 'then the rest');
  },
};

const waitingHoldsBack: Case = {
  name: 'an entry that waits holds back the later ones of its aggregate, and nothing else',
  async run(context) {
    const lab = await OutboxLab.open(context);
    const [one, other] = [newOriginatorId(), newOriginatorId()];
    const [first, second, third] = positions(await lab.record(one, one, other));
    const entry = await lab.settleFirst(one, (id) => lab.again(id, 500));
    expectEqual(entry.position, first, 'the first one waits');
    expectEqual(await lab.claimable(), [third], 'others go on');
    lab.pass(499);
    expectEqual(await lab.claimable(), [third], 'not yet');
    lab.pass(1);
    expectEqual(await lab.claimable(), [first, second, third], 'due');
    const [waited] = await lab.outbox.pending();
    expectEqual([waited?.retryCount, waited?.lastError?.startsWith('Error: not')], [1, true], 'its attempt is counted');
  },
};

const secondMayWait: Case = {
  name: 'the ones before an entry that waits are claimed',
  async run(context) {
    const lab = await OutboxLab.open(context);
    const one = newOriginatorId();
    const [first, second] = positions(await lab.record(one, one, one));
    const { leaseId, entries } = await lab.claim();
    await lab.outbox.settle(leaseId, [lab.again((entries[1] as OutboxEntry).id, 500)]);
    await lab.outbox.release(leaseId);
    expectEqual(await lab.claimable(), [first], 'the first one only');
    expectEqual((await lab.outbox.pending({ after: first as number, limit: 1 }))[0]?.position, second, 'a page');
  },
};

const deadLetters: Case = {
  name: 'a dead letter holds its aggregate back until it is tried again, resolved or discarded',
  async run(context) {
    const lab = await OutboxLab.open(context);
    const ids = [newOriginatorId(), newOriginatorId(), newOriginatorId()] as const;
    const all = positions(await lab.record(...ids, ...ids));
    const letters: OutboxEntry[] = [];
    for (const id of ids) letters.push(await lab.settleFirst(id, (entry) => lab.failed(entry)));
    expectEqual(await lab.claimable(), [], 'all are held back');
    expectEqual(positions(await lab.outbox.deadLetters()), all.slice(0, 3), 'dead letters');
    expectEqual(positions(await lab.outbox.deadLetters({ after: all[0] as number, limit: 1 })), [all[1]], 'a page');
    const [retried, resolved, discarded] = letters.map(({ id }) => id) as [string, string, string];
    const hints = countHints(lab.outbox);
    expectEqual(await lab.outbox.retry(retried), true, 'there was one to try again');
    expectEqual(await lab.claimable(), [all[0], all[3]], 'tried again');
    expectEqual(await lab.outbox.resolve(resolved), true, 'there was one to resolve');
    expectEqual(await lab.outbox.discard(discarded), true, 'there was one to discard');
    expectTrue(hints.count() >= 3, 'workers are told');
    expectEqual(await lab.claimable(), [all[0], all[3], all[4], all[5]], 'all go on');
    expectEqual(await lab.outbox.counts(), { pending: 4, published: 1, failed: 0 }, 'counts');
    expectEqual((await lab.outbox.pending())[0]?.retryCount, 0, 'attempts are counted anew');
    for (const id of [retried, resolved, discarded]) {
      const changes = [await lab.outbox.retry(id), await lab.outbox.resolve(id), await lab.outbox.discard(id)];
      expectEqual(changes, [false, false, false], 'what is no dead letter any more stays');
    }
  },
};

const positionIsTheOrder: Case = {
  name: 'order is by position, also when the clock goes back',
  async run(context) {
    const lab = await OutboxLab.open(context);
    const [one, other] = [newOriginatorId(), newOriginatorId()];
    await lab.record(one);
    lab.pass(-100_000);
    await lab.record(other, one);
    const claimed = positions((await lab.claim()).entries);
    expectEqual(
      claimed,
      [...claimed].sort((a, b) => a - b),
      'ascending',
    );
    expectEqual(claimed.length, 3, 'all');
  },
};

const clocksAreSet: Case = {
  name: 'a clock that is set back keeps nothing back for as long, and one that is set forward lets leases expire',
  async run(context) {
    const lab = await OutboxLab.open(context);
    const [leased, waiting] = [newOriginatorId(), newOriginatorId()];
    const [first, second] = positions(await lab.record(leased, waiting));
    await lab.settleFirst(waiting, (id) => lab.again(id, AHEAD_MS_MAX));
    const { leaseId } = await lab.claim();
    expectEqual(await lab.claimable(), [], 'one is leased, the other one waits');
    lab.pass(-1);
    expectEqual(await lab.claimable(), [second], 'what waits is beyond what counts, and the lease is not');
    lab.pass(-DAY_MS);
    expectEqual(await lab.claimable(), [first, second], 'neither is waited for when the clock is a day behind');
    expectEqual(await lab.outbox.renew(leaseId, lab.nowMs + LEASE_MS), false, 'the lease was taken over');
    await lab.claim();
    lab.pass(DAY_MS);
    expectEqual(await lab.claimable(), [first, second], 'expired, when the clock is right again');
  },
};

const selected: Case = {
  name: 'only selected events go out',
  async run(context) {
    const lab = await OutboxLab.open(context, ({ originatorVersion }) => originatorVersion === 2);
    const id = newOriginatorId();
    const hints = countHints(lab.outbox);
    const [, second] = positions(await lab.record(id, id, id));
    expectEqual(await lab.claimable(), [second], 'the second one');
    expectEqual(hints.count(), 1, 'hints');
  },
};

const enqueued: Case = {
  name: 'events that were recorded before can be added, once',
  async run(context) {
    const lab = await OutboxLab.open(context);
    const id = newOriginatorId();
    const before = await recordWith(context.recorder, [], [sampleRecordedEvent(id, 1), sampleRecordedEvent(id, 2)]);
    const after = await lab.record(id);
    const hints = countHints(lab.outbox);
    await lab.outbox.enqueue(before);
    await lab.outbox.enqueue([...before, ...after]);
    expectTrue(hints.count() >= 1, 'workers are told');
    const { entries } = await lab.claim();
    expectEqual(positions(entries), positions([...before, ...after]), 'each once, in order');
  },
};

const manyAtOnce: Case = {
  name: 'a commit of many events, and what becomes of many, is taken whole',
  async run(context) {
    const lab = await OutboxLab.open(context);
    const id = newOriginatorId();
    const sample = (_: unknown, index: number): RecordedEvent => sampleRecordedEvent(id, index + 1);
    const [before, after] = [
      Array.from({ length: MANY }, sample),
      Array.from({ length: 2 * MANY }, sample).slice(MANY),
    ];
    const events = [
      ...(await recordWith(context.recorder, [], before)),
      ...(await recordWith(context.recorder, [lab.outbox], after)),
    ];
    await lab.outbox.enqueue(events);
    const { leaseId, entries } = await lab.claim(2 * MANY);
    expectEqual(positions(entries), positions(events), 'each once, in order');
    await lab.outbox.settle(
      leaseId,
      entries.map((entry) => lab.published(entry.id)),
    );
    expectEqual(await lab.outbox.counts(), { pending: 0, published: 2 * MANY, failed: 0 }, 'counts');
  },
};

const retention: Case = {
  name: 'published entries can be deleted by their age, a part at a time',
  async run(context) {
    const lab = await OutboxLab.open(context);
    const ids = [newOriginatorId(), newOriginatorId(), newOriginatorId(), newOriginatorId()] as const;
    await lab.record(...ids);
    for (const id of ids.slice(0, 3)) {
      await lab.settleFirst(id, (entry) => lab.published(entry));
      lab.pass(100);
    }
    const start = lab.nowMs - 300;
    expectEqual(await lab.outbox.deletePublished(start, 10), 0, 'none is older than the first');
    expectEqual(await lab.outbox.deletePublished(start + 101, 1), 1, 'one of two');
    expectEqual(await lab.outbox.deletePublished(start + 101, 10), 1, 'the other one');
    expectEqual(await lab.outbox.counts(), { pending: 1, published: 1, failed: 0 }, 'the rest stays');
  },
};

const hintsStop: Case = {
  name: 'listeners are told of commits, until they stop',
  async run(context) {
    const lab = await OutboxLab.open(context);
    const hints = countHints(lab.outbox);
    await lab.record(newOriginatorId());
    expectEqual(hints.count(), 1, 'one commit');
    hints.stop();
    await lab.record(newOriginatorId());
    expectEqual(hints.count(), 1, 'stopped');
  },
};

function countHints(outbox: Outbox): { count(): number; stop(): void } {
  let count = 0;
  const stop = outbox.onPending(() => count++);
  return { count: () => count, stop };
}

/** Cases for every {@link Outbox}. */
export const outboxCases: readonly ConformanceCase<OutboxContext>[] = [
  committedTogether,
  keepsTheEvent,
  leasesAreKept,
  leaseIsProlonged,
  limitKeepsOrder,
  waitingHoldsBack,
  secondMayWait,
  deadLetters,
  positionIsTheOrder,
  clocksAreSet,
  selected,
  enqueued,
  manyAtOnce,
  retention,
  hintsStop,
];
