/**
 * A recorder as it will be: without what gives way, with what comes in its place, and with what is decided on that. Nothing
 * is recorded by it.
 *
 * @module
 */
import { NotSupportedError } from '../../persistence/errors.js';
import type { PastEvents } from '../../persistence/past.js';
import type {
  EditionRecorder,
  InsertEventsOptions,
  ProcessRecorder,
  RecorderSupport,
  SelectEventsOptions,
} from '../../persistence/recorder.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent } from '../../persistence/stored-event.js';
import { asEditionRecorder } from '../aggregates/edition-recorder.js';
import type { SupersededAggregate } from '../../persistence/unit-recorder.js';

/** What was decided. */
export interface DecidedEvents {
  readonly events: readonly StoredEvent[];
  readonly isCommutative: boolean;
}

const NOTHING: DecidedEvents = { events: [], isCommutative: false };
const NO_PAST: PastEvents = { events: [], first: undefined, last: undefined };

interface ViewedAggregate {
  readonly version: number;
  readonly events: StoredEvent[];
}

/**
 * Implements as much of a recorder as deciding takes. Each decision is made on a draft, and counts once it is taken: what
 * failed, or was given up, leaves nothing.
 */
export class SupersededView implements ProcessRecorder, EditionRecorder {
  readonly supports: RecorderSupport;
  readonly #recorder: ProcessRecorder;
  readonly #aggregates: Map<OriginatorId, ViewedAggregate>;
  #decided: DecidedEvents | undefined;

  /** @param recorder - what is there up to the versions that stay */
  constructor(recorder: ProcessRecorder, aggregates: readonly SupersededAggregate[]) {
    this.supports = { units: true, editions: asEditionRecorder(recorder) !== undefined };
    this.#recorder = recorder;
    this.#aggregates = new Map(
      aggregates.map(({ originatorId, version, events }) => [originatorId, { version, events: [...events] }]),
    );
  }

  /** What is here, to decide one unit on. */
  draft(): SupersededView {
    return new SupersededView(this, []);
  }

  /** Takes what was decided on a draft: what comes next is decided on it. */
  async take(draft: SupersededView): Promise<DecidedEvents> {
    const decided = draft.#decided ?? NOTHING;
    for (const event of decided.events) (await this.#viewed(event.originatorId)).events.push(event);
    return decided;
  }

  async insertEvents(
    events: readonly StoredEvent[],
    { unit }: InsertEventsOptions = {},
  ): Promise<readonly NotificationId[]> {
    this.#decided = { events, isCommutative: unit?.isCommutative ?? false };
    // Nobody is told of them.
    return events.map(() => 0);
  }

  async selectEvents(originatorId: OriginatorId, options: SelectEventsOptions = {}): Promise<readonly StoredEvent[]> {
    const { desc = false, limit = Infinity, ...bounds } = options;
    const { events } = await this.selectPast(originatorId, bounds);
    return (desc ? events.toReversed() : events).slice(0, limit);
  }

  /** With the editions of what stays: a snapshot of what gives way may end with an event that stays. */
  async selectPast(
    originatorId: OriginatorId,
    { gt = -Infinity, lte = Infinity }: Pick<SelectEventsOptions, 'gt' | 'lte'> = {},
  ): Promise<PastEvents> {
    const viewed = this.#aggregates.get(originatorId);
    const upTo = Math.min(lte, viewed?.version ?? Infinity);
    const bounds = { ...(gt === -Infinity ? {} : { gt }), ...(upTo === Infinity ? {} : { lte: upTo }) };
    const stays = upTo < 0 ? NO_PAST : await this.#recorded(originatorId, bounds);
    const comes = (viewed?.events ?? []).filter(
      ({ originatorVersion: version }) => version > gt && version <= lte && version > upTo,
    );
    return {
      events: [...stays.events, ...comes],
      first: stays.first,
      last: comes.length === 0 ? stays.last : undefined,
    };
  }

  async #recorded(originatorId: OriginatorId, bounds: SelectEventsOptions): Promise<PastEvents> {
    const editions = asEditionRecorder(this.#recorder);
    if (editions !== undefined) return await editions.selectPast(originatorId, bounds);
    return { ...NO_PAST, events: await this.#recorder.selectEvents(originatorId, bounds) };
  }

  selectNotifications(): Promise<readonly Notification[]> {
    return notOfAView();
  }

  maxNotificationId(): Promise<NotificationId> {
    return notOfAView();
  }

  maxTrackingId(): Promise<NotificationId> {
    return notOfAView();
  }

  hasTrackingId(): Promise<boolean> {
    return notOfAView();
  }

  /** Of an aggregate that nothing gives way of, all stays. */
  async #viewed(originatorId: OriginatorId): Promise<ViewedAggregate> {
    const known = this.#aggregates.get(originatorId);
    if (known !== undefined) return known;
    const [last] = await this.#recorder.selectEvents(originatorId, { desc: true, limit: 1 });
    const viewed = { version: last?.originatorVersion ?? -1, events: [] };
    this.#aggregates.set(originatorId, viewed);
    return viewed;
  }
}

function notOfAView(): Promise<never> {
  return Promise.reject(new NotSupportedError('What is not recorded yet has no place in a log.'));
}
