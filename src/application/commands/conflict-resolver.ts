/**
 * What an application says of a unit that gave way to others', and that has no command to decide it by: it was saved, or
 * appended, or decided on an exact version.
 *
 * ```text
 * unit, what it stood on, what is there now ──▶ resolve ──▶ events ──▶ validated, at the versions that follow ──▶ pending again
 *                                                 │    ──▶ 'drop', no events ──▶ withdrawn
 *                                                 ▼    ──▶ a reason ──▶ set aside
 *                         nothing, an error, or no answer in time ──▶ set aside
 * ```
 *
 * @module
 */
import type { CommandMetadata, RecordedEvent } from '../../domain/event-metadata.js';
import type { Message } from '../../domain/message-types.js';
import { ProgrammingError } from '../../persistence/errors.js';
import type { StoredEvent } from '../../persistence/stored-event.js';
import type { UnitId } from '../../persistence/unit.js';
import type { SetAsideReason, SetAsideUnit, SupersededAggregate } from '../../persistence/unit-recorder.js';
import { checkedMs } from '../../persistence/validation.js';
import type { Clock } from '../../util/clock.js';
import { grouped } from '../../util/grouped.js';
import { inTime } from '../../util/in-time.js';
import type { AggregateKind } from '../aggregates/aggregate-kind.js';
import type { AggregateLoader } from '../aggregates/aggregate-loader.js';
import { ResolverTimeoutError } from '../aggregates/application-errors.js';
import type { EventEnvelopeMapper } from '../events/envelope-mapper.js';
import type { AggregateChange, EventSaver } from './event-saver.js';
import type { SupersededView } from './superseded-view.js';

// A page waits for it, and with it all that others have recorded.
const RESOLVE_TIMEOUT_MS_DEFAULT = 10_000;

/** An aggregate at one of its versions. */
export interface AggregateAt<State = unknown> {
  /** How many events it has; 0 before the first one. */
  readonly version: number;
  /** The state of a decider; of a class, an aggregate that nobody else has: its methods may be called. */
  readonly state: State;
}

/** An aggregate of a unit that gave way. */
export interface ConflictedAggregate<State = unknown> {
  /** The name of the decider, or the class's `aggregateType`. */
  readonly aggregateType: string;
  readonly aggregateId: string;
  /** As it was up to where what the unit stood on and what is there now are the same, as far as the store knows. */
  readonly base: AggregateAt<State>;
  /** As it is without the unit. */
  readonly now: AggregateAt<State>;
  /** From `base` to `now`: what others have recorded, and what was decided of units of this device before this one. */
  readonly since: readonly RecordedEvent[];
}

/** A unit that gave way to others', and is decided by nothing that was kept. */
export interface UnitConflict {
  readonly unitId: UnitId;
  /** Its events as they were recorded, in their order; those of classes, too, as events and not as bytes. */
  readonly events: readonly [RecordedEvent, ...RecordedEvent[]];
  /** Those that it has events of, in the order of the first event of each. */
  readonly aggregates: readonly [ConflictedAggregate, ...ConflictedAggregate[]];
  /** Why it gave way, or why it was set aside before. */
  readonly reason: SetAsideReason;
  /** How often it was decided before: 0 the first time. */
  readonly attempts: number;
  /** Aborted when the time is over. */
  readonly signal: AbortSignal;
}

/** An event to record instead: its version, its id and the time of its recording are given to it. */
export type ResolvedEvent = Message & {
  /** One of the unit's aggregates. @defaultValue the only one; with several it is needed */
  readonly originatorId?: string | undefined;
};

/**
 * What becomes of a unit: these events instead, at the versions that follow on what is there (the unit's own events, just as
 * they are, for example); `'drop'`: it is withdrawn; a reason: it is set aside with it; `undefined`: as if nobody had been
 * asked, which sets it aside as `CONFLICT`.
 */
export type Resolution = readonly ResolvedEvent[] | 'drop' | SetAsideReason | undefined;

/** Decides about a unit that has no command. May be asked several times about one unit: it has no effect of its own. */
export type ResolveConflict = (conflict: UnitConflict) => Resolution | Promise<Resolution>;

/** Loads and saves on what a unit is decided on. */
export interface ResolvingMeans {
  readonly loader: AggregateLoader;
  readonly saver: EventSaver;
}

/** What a {@link ConflictResolver} is made of. */
export interface ConflictResolverOptions {
  readonly resolve: ResolveConflict;
  /** Milliseconds; `Infinity` for ever. @defaultValue 10,000 */
  readonly timeoutMs: number | undefined;
  readonly clock: Clock;
  readonly mapper: EventEnvelopeMapper;
  /** One of the application's. */
  readonly kindNamed: (aggregateType: string) => AggregateKind;
}

/** A unit, and the aggregates as they are known to have been, and are. */
export interface UnitToResolve {
  readonly unit: SetAsideUnit;
  readonly bases: ReadonlyMap<string, number>;
  readonly view: SupersededView;
}

/** What is recorded instead of a unit, or why nothing is. */
export type Resolved = { readonly isSaved: boolean } | { readonly reason: SetAsideReason };

/** Asks an application about units. */
export class ConflictResolver {
  readonly #options: ConflictResolverOptions;
  readonly #timeoutMs: number;

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when `resolve` is no function, or the time makes no sense */
  constructor(options: ConflictResolverOptions) {
    if (typeof options.resolve !== 'function') throw new ProgrammingError('resolve must be a function.');
    this.#options = options;
    this.#timeoutMs = checkedMs('resolveTimeoutMs', options.timeoutMs ?? RESOLVE_TIMEOUT_MS_DEFAULT, { min: 1 });
  }

  /**
   * Asks about a unit, and saves what is to be recorded instead.
   *
   * @returns undefined where the application says nothing
   * @throws what the application throws, or what refuses its answer; ResolverTimeoutError (`RESOLVER_TIMEOUT`)
   */
  async resolve(asked: UnitToResolve, means: ResolvingMeans): Promise<Resolved | undefined> {
    const conflict = await this.#conflict(asked, means.loader);
    const resolution: unknown = await this.#answer(conflict);
    if (resolution === undefined) return undefined;
    if (resolution === 'drop') return { isSaved: false };
    if (Array.isArray(resolution))
      return {
        isSaved: await saveInstead(conflict.events, resolution, { ...means, kindNamed: this.#options.kindNamed }),
      };
    return { reason: checkedReason(resolution) };
  }

  async #conflict(
    { unit, bases, view }: UnitToResolve,
    loader: AggregateLoader,
  ): Promise<Omit<UnitConflict, 'signal'>> {
    const events = await this.#read(unit.events);
    const byAggregate = grouped(events, ({ originatorId }) => originatorId);
    const aggregates: ConflictedAggregate[] = [];
    for (const [aggregateId, [first]] of byAggregate) {
      const { aggregateType } = first as RecordedEvent;
      const kind = this.#options.kindNamed(aggregateType);
      const baseVersion = bases.get(aggregateId) ?? 0;
      const base = await loader.load(kind, aggregateId, baseVersion);
      const now = await loader.load(kind, aggregateId);
      const since = await this.#read(await view.selectEvents(aggregateId, { gt: base.version }));
      const at = { base: toState(base), now: toState(now) };
      aggregates.push({ aggregateType, aggregateId, ...at, since });
    }
    const { id: unitId, reason, attempts } = unit;
    return { unitId, events, aggregates, reason, attempts } as unknown as Omit<UnitConflict, 'signal'>;
  }

  /** @throws when one of them is none that this application knows: nobody could say what becomes of it */
  async #read(stored: readonly StoredEvent[]): Promise<readonly RecordedEvent[]> {
    return await Promise.all(stored.map((event) => this.#options.mapper.toDomainEvent(event)));
  }

  async #answer(conflict: Omit<UnitConflict, 'signal'>): Promise<Resolution> {
    const { resolve, clock } = this.#options;
    const controller = new AbortController();
    const answering = (async () => await resolve({ ...conflict, signal: controller.signal }))();
    if (this.#timeoutMs === Infinity) return await answering;
    return await inTime(clock, this.#timeoutMs, answering, () => {
      const error = tooLate(conflict.unitId, this.#timeoutMs);
      controller.abort(error);
      throw error;
    });
  }
}

/**
 * Saves events instead of others, of the same aggregates, on what is there.
 *
 * @param events - those that they stand for, at least one
 * @returns whether there was anything to save
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when they are no events of these aggregates
 * @throws ValidationError (`VALIDATION_ERROR`), EventHandlerError (`EVENT_HANDLER_ERROR`) when an aggregate cannot take them
 */
export async function saveInstead(
  events: readonly [RecordedEvent, ...RecordedEvent[]],
  instead: readonly unknown[],
  { loader, saver, kindNamed }: ResolvingMeans & Pick<ConflictResolverOptions, 'kindNamed'>,
): Promise<boolean> {
  const types = new Map(events.map(({ originatorId, aggregateType }) => [originatorId, aggregateType]));
  const messages = grouped(checkedEvents(instead, [...types.keys()]), ({ originatorId }) => originatorId);
  const changes: AggregateChange[] = [];
  for (const [id, ofAggregate] of messages) {
    const kind = kindNamed(types.get(id) as string);
    const valid = await saver.validated(kind, ofAggregate);
    // Its own copy: a class's is changed by it.
    const { version, current } = await loader.load(kind, id);
    kind.fold(current, valid);
    changes.push({ kind, id, version, expected: 'any', messages: valid });
  }
  if (changes.length === 0) return false;
  const [{ metadata }] = events;
  await saver.save(changes, { metadata: commandMetadata(metadata), occurredAt: metadata.occurredAt });
  return true;
}

function toState({ version, current }: { readonly version: number; readonly current: unknown }): AggregateAt {
  return { version, state: current };
}

/** Who and why stays as it was. */
export function commandMetadata(metadata: RecordedEvent['metadata']): CommandMetadata {
  const { actorId, correlationId, causationId, tenantId, attributes } = metadata;
  return { actorId, correlationId, causationId, tenantId, attributes };
}

function checkedEvents(
  instead: readonly unknown[],
  ids: readonly string[],
): readonly (Message & { readonly originatorId: string })[] {
  return instead.map((one) => {
    const { type, data, originatorId = ids.length === 1 ? ids[0] : undefined } = (one ?? {}) as Partial<ResolvedEvent>;
    if (typeof type !== 'string' || !isObject(data)) {
      throw new ProgrammingError('An event to record instead has a type, as a text, and data, an object.');
    }
    if (originatorId === undefined || !ids.includes(originatorId)) {
      throw new ProgrammingError(
        `The event ${type} to record instead must say by originatorId which of the unit's aggregates it is of: ${ids.join(', ')}.`,
        { details: { type } },
      );
    }
    return { type, data, originatorId };
  });
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function checkedReason(resolution: unknown): SetAsideReason {
  const { code, message } = (resolution ?? {}) as Partial<SetAsideReason>;
  if (typeof code === 'string' && code !== '' && typeof message === 'string') return { code, message };
  throw new ProgrammingError(
    "resolve must answer with a list of events, 'drop', a reason { code, message }, or undefined.",
  );
}

function tooLate(unitId: UnitId, timeoutMs: number): ResolverTimeoutError {
  return new ResolverTimeoutError(
    `resolve has not answered about a unit after ${timeoutMs} ms, and was given up. Try it again, see that it ends, or raise resolveTimeoutMs.`,
    { details: { unitId, timeoutMs } },
  );
}

/** For each aggregate of some units the version up to which they stood on what is there. */
export function basesOf(
  units: readonly SetAsideUnit[],
  aggregates: readonly SupersededAggregate[],
): ReadonlyMap<string, number> {
  const bases = new Map(aggregates.map(({ originatorId, version }) => [originatorId, Math.max(0, version)]));
  for (const { originatorId, originatorVersion } of units.flatMap(({ events }) => events)) {
    bases.set(originatorId, Math.min(bases.get(originatorId) ?? Infinity, originatorVersion - 1));
  }
  return bases;
}
