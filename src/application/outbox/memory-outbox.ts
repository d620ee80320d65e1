import { throwIfAborted } from '../../persistence/heed-signal.js';
import type { CallOptions } from '../../persistence/heed-signal.js';
import type { NotificationId } from '../../persistence/stored-event.js';
import { systemClock } from '../../util/clock.js';
import type { Clock } from '../../util/clock.js';
import { LIST_ENTRIES_DEFAULT } from './outbox-limits.js';
import type { NotifiedEvent } from '../events/notified-event.js';
import type {
  ClaimRequest,
  Outbox,
  OutboxCounts,
  OutboxEntry,
  OutboxOutcome,
  OutboxPage,
  OutboxStatus,
} from './outbox.js';
import { OutboxHints } from './outbox-hints.js';
import { randomUuid } from '../../util/random-uuid.js';
import { outboxTaken } from './outbox-taken.js';
import {
  validateCount,
  validateFunction,
  validateFunctions,
  validateInstant,
  validateList,
} from '../../persistence/validation.js';
import { validatePage } from './outbox.js';

/** Options of {@link MemoryOutbox}. */
export interface MemoryOutboxOptions {
  /** Which events go out. @defaultValue all */
  readonly select?: (event: NotifiedEvent) => boolean;
  /** @defaultValue the platform's */
  readonly clock?: Clock;
  /** @defaultValue random UUIDs */
  readonly newId?: () => string;
}

/** An entry, and who holds it. */
interface MemoryEntry {
  entry: OutboxEntry;
  leaseId: string | undefined;
  leaseUntilMs: number;
}

/**
 * An outbox that is gone with the process, as the memory recorder's events are: for tests. Entries are added after the
 * commit, because memory has no transactions to join; nothing can come in between.
 */
export class MemoryOutbox implements Outbox {
  readonly #select: (event: NotifiedEvent) => boolean;
  readonly #clock: Clock;
  readonly #newId: () => string;
  readonly #hints = new OutboxHints();
  /** In the order of the positions. */
  #entries: MemoryEntry[] = [];
  readonly #positions = new Set<NotificationId>();

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  constructor(options: MemoryOutboxOptions = {}) {
    validateFunctions({ select: options.select, newId: options.newId });
    this.#select = options.select ?? (() => true);
    this.#clock = options.clock ?? systemClock;
    this.#newId = options.newId ?? randomUuid;
  }

  async onRecorded(_transaction: unknown, events: readonly NotifiedEvent[]): Promise<void> {
    const taken = events.find(({ notificationId }) => this.#positions.has(notificationId));
    if (taken !== undefined) throw outboxTaken(taken.notificationId);
    // What it throws refuses the commit: once there is one, these events would be in no outbox.
    events.forEach((event) => this.#select(event));
    await Promise.resolve();
  }

  onCommitted(events: readonly NotifiedEvent[]): void {
    if (this.#add(events.filter(this.#select))) this.#hints.give();
  }

  async enqueue(events: readonly NotifiedEvent[], { signal }: CallOptions = {}): Promise<void> {
    validateList('events', events);
    await Promise.resolve();
    throwIfAborted(signal);
    if (this.#add(events.filter(({ notificationId }) => !this.#positions.has(notificationId)))) this.#hints.give();
  }

  async claim(request: ClaimRequest): Promise<readonly OutboxEntry[]> {
    await Promise.resolve();
    const held = this.#heldBack(request);
    const claimed = this.#entries
      .filter(({ entry }) => entry.status === 'pending' && entry.position < (held.get(entry.aggregateId) ?? Infinity))
      .slice(0, request.limit);
    for (const each of claimed) {
      each.leaseId = request.leaseId;
      each.leaseUntilMs = request.leaseUntilMs;
    }
    return claimed.map(({ entry }) => entry);
  }

  async renew(leaseId: string, leaseUntilMs: number): Promise<boolean> {
    await Promise.resolve();
    const leased = this.#leasedBy(leaseId);
    for (const each of leased) each.leaseUntilMs = leaseUntilMs;
    return leased.length > 0;
  }

  async settle(leaseId: string, outcomes: readonly OutboxOutcome[]): Promise<void> {
    await Promise.resolve();
    const leased = new Map(this.#leasedBy(leaseId).map((each) => [each.entry.id, each]));
    for (const outcome of outcomes) {
      const each = leased.get(outcome.id);
      if (each === undefined) continue;
      each.entry = settled(each.entry, outcome);
      free(each);
    }
  }

  async release(leaseId: string): Promise<void> {
    await Promise.resolve();
    for (const each of this.#leasedBy(leaseId)) free(each);
  }

  async counts({ signal }: CallOptions = {}): Promise<OutboxCounts> {
    await Promise.resolve();
    throwIfAborted(signal);
    const counts = { pending: 0, published: 0, failed: 0 };
    for (const { entry } of this.#entries) counts[entry.status]++;
    return counts;
  }

  async pending(page?: OutboxPage): Promise<readonly OutboxEntry[]> {
    await Promise.resolve();
    throwIfAborted(page?.signal);
    return this.#list('pending', page);
  }

  async deadLetters(page?: OutboxPage): Promise<readonly OutboxEntry[]> {
    await Promise.resolve();
    throwIfAborted(page?.signal);
    return this.#list('failed', page);
  }

  async retry(id: string, { signal }: CallOptions = {}): Promise<boolean> {
    throwIfAborted(signal);
    const wasFound = await this.#change(id, { status: 'pending', retryCount: 0, nextAttemptAtMs: 0 });
    this.#hints.give();
    return wasFound;
  }

  async resolve(id: string, { signal }: CallOptions = {}): Promise<boolean> {
    throwIfAborted(signal);
    const wasFound = await this.#change(id, { status: 'published', publishedAt: new Date(this.#clock.nowMs()) });
    this.#hints.give();
    return wasFound;
  }

  async discard(id: string, { signal }: CallOptions = {}): Promise<boolean> {
    await Promise.resolve();
    throwIfAborted(signal);
    const gone = new Set(this.#entries.filter(({ entry }) => entry.id === id && entry.status === 'failed'));
    this.#remove(gone);
    this.#hints.give();
    return gone.size > 0;
  }

  async deletePublished(beforeMs: number, limit: number, { signal }: CallOptions = {}): Promise<number> {
    await Promise.resolve();
    validateInstant('beforeMs', beforeMs);
    validateCount('limit', limit);
    throwIfAborted(signal);
    const old = this.#entries
      .filter(({ entry }) => entry.status === 'published' && (entry.publishedAt?.getTime() ?? Infinity) < beforeMs)
      .slice(0, limit);
    this.#remove(new Set(old));
    return old.length;
  }

  onPending(listener: () => void): () => void {
    validateFunction('listener', listener);
    return this.#hints.add(listener);
  }

  /** By aggregate, the position from which on its entries are held back at present. */
  #heldBack({ nowMs, horizonMs = Infinity }: ClaimRequest): ReadonlyMap<string, number> {
    const isAhead = (ms: number): boolean => ms > nowMs && ms <= horizonMs;
    const held = new Map<string, number>();
    const hold = (aggregateId: string, position: number): void => {
      held.set(aggregateId, Math.min(position, held.get(aggregateId) ?? Infinity));
    };
    for (const { entry, leaseId, leaseUntilMs } of this.#entries) {
      if (entry.status === 'published') continue;
      // One lease is enough: the aggregate is somebody else's.
      if (leaseId !== undefined && isAhead(leaseUntilMs)) hold(entry.aggregateId, 0);
      else if (entry.status === 'failed' || isAhead(entry.nextAttemptAtMs)) hold(entry.aggregateId, entry.position);
    }
    return held;
  }

  #add(events: readonly NotifiedEvent[]): boolean {
    if (events.length === 0) return false;
    for (const event of events) {
      this.#entries.push(this.#entryOf(event));
      this.#positions.add(event.notificationId);
    }
    this.#entries.sort((one, other) => one.entry.position - other.entry.position);
    return true;
  }

  #remove(gone: ReadonlySet<MemoryEntry>): void {
    this.#entries = this.#entries.filter((each) => !gone.has(each));
    for (const { entry } of gone) this.#positions.delete(entry.position);
  }

  #entryOf(event: NotifiedEvent): MemoryEntry {
    const entry: OutboxEntry = {
      id: this.#newId(),
      position: event.notificationId,
      eventId: event.metadata.eventId,
      eventType: event.type,
      aggregateId: event.originatorId,
      aggregateType: event.aggregateType,
      tenantId: event.metadata.tenantId,
      createdAt: new Date(this.#clock.nowMs()),
      publishedAt: undefined,
      retryCount: 0,
      lastError: undefined,
      status: 'pending',
      nextAttemptAtMs: 0,
      event: () => Promise.resolve(event),
    };
    return { entry, leaseId: undefined, leaseUntilMs: 0 };
  }

  #leasedBy(leaseId: string): readonly MemoryEntry[] {
    return this.#entries.filter((each) => each.leaseId === leaseId && each.entry.status === 'pending');
  }

  #list(status: OutboxStatus, { after = 0, limit = LIST_ENTRIES_DEFAULT }: OutboxPage = {}): readonly OutboxEntry[] {
    validatePage(after, limit);
    return this.#entries
      .map(({ entry }) => entry)
      .filter((entry) => entry.status === status && entry.position > after)
      .slice(0, limit);
  }

  /** Changes a dead letter. */
  async #change(id: string, change: Partial<OutboxEntry>): Promise<boolean> {
    await Promise.resolve();
    const found = this.#entries.find(({ entry }) => entry.id === id && entry.status === 'failed');
    if (found === undefined) return false;
    found.entry = { ...found.entry, ...change };
    return true;
  }
}

function free(each: MemoryEntry): void {
  each.leaseId = undefined;
  each.leaseUntilMs = 0;
}

function settled(entry: OutboxEntry, outcome: OutboxOutcome): OutboxEntry {
  if (outcome.kind === 'published') {
    return { ...entry, status: 'published', publishedAt: new Date(outcome.publishedAtMs) };
  }
  return {
    ...entry,
    status: outcome.kind === 'failed' ? 'failed' : 'pending',
    retryCount: entry.retryCount + (outcome.counts ? 1 : 0),
    lastError: outcome.error,
    nextAttemptAtMs: outcome.nextAttemptAtMs,
  };
}
