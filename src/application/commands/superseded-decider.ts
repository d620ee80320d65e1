/**
 * Decides again what gave way to others: the commands of each unit, in their order, on the state that there will be.
 *
 * ```text
 * commands kept? ──▶ read them ──▶ decide on what is there then ──▶ events ──▶ pending again, under its id
 *       │ no                                 │ ▲    no event ──▶ withdrawn: there is nothing to do any more
 *       ▼                                    │ └── events instead
 * the application's `resolve` (conflict-resolver.ts)
 *       │ there is none, or it says nothing  │ says no, or fails
 *       ▼                                    │
 * set aside, with a reason ◀─────────────────┘
 * ```
 *
 * What is set aside is not there for those after it: they are decided without it.
 *
 * @module
 */
import type { CommandMetadata, RecordedEvent } from '../../domain/event-metadata.js';
import { UUID } from '../../domain/uuid.js';
import { retriedUnitId } from '../../persistence/derived-unit-id.js';
import { ProgrammingError, TopicError } from '../../persistence/errors.js';
import type { ProcessRecorder } from '../../persistence/recorder.js';
import type { StoredEvent } from '../../persistence/stored-event.js';
import type { UnitId } from '../../persistence/unit.js';
import { storableReason } from '../../persistence/unit-reasons.js';
import type {
  DecideAgainOptions,
  DecidedUnit,
  SetAsideReason,
  SetAsideUnit,
  Superseded,
} from '../../persistence/unit-recorder.js';
import { EventSourcingError } from '../../domain/errors.js';
import type { AggregateKind, AnyDecider } from '../aggregates/aggregate-kind.js';
import { ApplicationTooOldError } from '../aggregates/application-errors.js';
import { newerVersionOf } from '../events/newer-event.js';
import type { EventEnvelopeMapper } from '../events/envelope-mapper.js';
import type { CommandExecutor } from './command-executor.js';
import { basesOf, commandMetadata, saveInstead } from './conflict-resolver.js';
import type { ConflictResolver, ResolvedEvent, ResolvingMeans } from './conflict-resolver.js';
import { unknownCommand } from './kept-commands.js';
import type { CommandCodec, KeptCommand, KeptExecution } from './kept-commands.js';
import { rebasedOf } from './rebased-unit.js';
import type { RebasedUnit } from './rebased-unit.js';
import { SupersededView } from './superseded-view.js';

/** What was decided, and how to tell of it. */
export interface Redecision {
  /** For the store, in their order. */
  readonly decided: readonly DecidedUnit[];
  readonly units: readonly RebasedUnit[];
}

/** What a {@link SupersededDecider} is made of. */
export interface SupersededDeciderOptions {
  readonly recorder: ProcessRecorder;
  readonly mapper: EventEnvelopeMapper;
  readonly codec: CommandCodec;
  /** The application's deciders, by their names. */
  readonly deciders: ReadonlyMap<string, AnyDecider>;
  hasTopic(topic: string): boolean;
  /** Asked about units without commands. @defaultValue nobody is */
  readonly resolver: ConflictResolver | undefined;
  readonly kindNamed: (aggregateType: string) => AggregateKind;
  /** What decides on a view. @param newEventId - gives the ids of its events */
  meansOn(view: SupersededView, newEventId: () => string): DecidingMeans;
}

/** Executes, loads and saves on a view. */
export interface DecidingMeans extends ResolvingMeans {
  readonly executor: CommandExecutor;
}

/** What somebody who tries again wants instead of what was recorded. */
export type SetAsideEdit =
  | {
      /** Executed in their order, in one unit; kept with it, to be decided again. */
      readonly commands: readonly KeptCommand[];
      /** @defaultValue that of what was recorded */
      readonly metadata?: CommandMetadata | undefined;
    }
  | {
      /** Recorded at the versions that follow on what is there: the unit's own ones, just as they are, for example. */
      readonly events: readonly ResolvedEvent[];
    };

/** Somebody tries units again by hand: whatever their number of attempts, and as something else perhaps. */
export interface RetryRequest {
  readonly edit?: SetAsideEdit | undefined;
}

/** What a unit is decided on. */
interface UnitInHand {
  readonly unit: SetAsideUnit;
  readonly before: readonly RecordedEvent[];
  readonly bases: ReadonlyMap<string, number>;
  readonly view: SupersededView;
  /** What is decided is left there. */
  readonly draft: SupersededView;
  readonly retry: RetryRequest | undefined;
  /** Why it is not decided any more. */
  readonly givenUp: SetAsideReason | undefined;
  /** The id that it goes on under. */
  readonly id: UnitId;
}

/** What was decided of one unit, on its draft. */
interface Draft {
  readonly commands: readonly KeptCommand[];
  /** What is kept of them, where that is something else than it was. */
  readonly command?: Uint8Array;
  /** Why nothing was decided. */
  readonly reason?: SetAsideReason;
}

/** Decides units again. */
export class SupersededDecider {
  readonly #options: SupersededDeciderOptions;

  constructor(options: SupersededDeciderOptions) {
    this.#options = options;
  }

  /**
   * Decides units in their order, each on what those before it have left.
   *
   * @param options - `retry`: where somebody asks for it
   */
  async decide(
    { units, aggregates }: Superseded,
    { givenUp, retry }: DecideAgainOptions & { readonly retry?: RetryRequest } = {},
  ): Promise<Redecision> {
    const view = new SupersededView(this.#options.recorder, aggregates);
    const bases = basesOf(units, aggregates);
    const decided: DecidedUnit[] = [];
    const rebased: RebasedUnit[] = [];
    for (const unit of units) {
      const { id } = unit;
      const as = retry !== undefined && unit.isRefused ? retriedUnitId(id) : undefined;
      const before = await this.#decoded(unit.events);
      const draft = view.draft();
      const one = { retry, givenUp: givenUp?.get(id) };
      const drafted = await this.#decideOne({ unit, before, bases, view, draft, ...one, id: as ?? id });
      const { commands, command, reason } = drafted;
      const kept = { ...(as === undefined ? {} : { as }), ...(command === undefined ? {} : { command }) };
      const decision = reason === undefined ? { id, ...kept, ...(await view.take(draft)) } : { id, reason };
      const after = 'events' in decision ? await this.#decoded(decision.events) : [];
      const inPlace = aggregates.filter(({ originatorId }) =>
        unit.events.some((event) => event.originatorId === originatorId),
      );
      const others = await this.#decoded(inPlace.flatMap(({ events }) => events));
      const told = { commands, before, after, others, reason };
      decided.push(decision);
      rebased.push({ id, ...(after.length > 0 && { as }), ...told, ...rebasedOf(told) });
    }
    return { decided, units: rebased };
  }

  async #decideOne(inHand: UnitInHand): Promise<Draft> {
    const { unit, draft, retry, id, givenUp } = inHand;
    const { command, attempts } = unit;
    let commands: readonly KeptCommand[] = [];
    try {
      // How often the id that it has from now on was decided.
      const means = this.#options.meansOn(draft, eventIds(id, id === unit.id ? attempts : 0));
      if (retry?.edit !== undefined) return await this.#edited(inHand, retry.edit, means);
      const kept = command === undefined ? undefined : await this.#options.codec.decode(command);
      commands = kept?.commands ?? [];
      if (kept === undefined && this.#options.resolver === undefined) return { commands, reason: NO_COMMAND };
      if (givenUp !== undefined) return { commands, reason: givenUp };
      if (kept === undefined) return await this.#resolve(inHand, means);
      if (kept.unfit !== undefined) throw kept.unfit;
      await this.#execute(inHand, kept, means);
      return { commands };
    } catch (error) {
      return { commands, reason: reasonOf(error, command === undefined ? 'RESOLVE_FAILED' : 'COMMAND_FAILED') };
    }
  }

  async #execute(
    { before }: UnitInHand,
    { commands, metadata }: KeptExecution,
    { executor }: DecidingMeans,
  ): Promise<void> {
    const executions = commands.map((one) => [this.#deciderOf(one), one.aggregateId, one.command] as const);
    const occurredAt = before[0]?.metadata.occurredAt;
    await executor.execute(executions, { metadata, ...(occurredAt === undefined ? {} : { occurredAt }) });
  }

  async #resolve(inHand: UnitInHand, means: ResolvingMeans): Promise<Draft> {
    const resolved = await this.#options.resolver?.resolve(inHand, means);
    if (resolved === undefined) return { commands: [], reason: NO_COMMAND };
    return 'reason' in resolved ? { commands: [], reason: storableReason(resolved.reason) } : { commands: [] };
  }

  async #edited(inHand: UnitInHand, edit: SetAsideEdit, means: DecidingMeans): Promise<Draft> {
    const [first, ...others] = inHand.before;
    if ('commands' in edit) {
      const { commands, metadata = first && commandMetadata(first.metadata) } = edit;
      await this.#execute(inHand, { commands, metadata }, means);
      return { commands, command: await this.#options.codec.encode({ commands, metadata }) };
    }
    if (first === undefined || others.length + 1 < inHand.unit.events.length) {
      throw new ProgrammingError('Events of the unit cannot be read, so others cannot be recorded instead of them.');
    }
    await saveInstead([first, ...others], edit.events, { ...means, kindNamed: this.#options.kindNamed });
    // What decided it before does not say what it is now.
    return { commands: [], command: new Uint8Array(0) };
  }

  #deciderOf(kept: KeptCommand): AnyDecider {
    const decider = this.#options.deciders.get(kept.aggregateType);
    if (decider !== undefined) return decider;
    throw unknownCommand(kept);
  }

  async #decoded(events: readonly StoredEvent[]): Promise<readonly RecordedEvent[]> {
    const known = events.filter(({ topic }) => this.#options.hasTopic(topic));
    const read = await Promise.allSettled(known.map((event) => this.#options.mapper.toDomainEvent(event)));
    // What cannot be read is not told; that it was there is said by the unit.
    return read.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  }
}

const NO_COMMAND: SetAsideReason = {
  code: 'CONFLICT',
  message: 'Another event stands in its place, and what decided it was not kept.',
};

/** Always the same for the same decision, and others than before: a snapshot that ends with an event goes by its id. */
function eventIds(id: UnitId, attempts: number): () => string {
  let next = 0;
  return () => UUID.fromName(UUID.parse(id), `${attempts} ${next++}`).toString();
}

function reasonOf(error: unknown, otherwise: string): SetAsideReason {
  // What another release of the application has recorded, on this device or elsewhere.
  const isNewer = error instanceof TopicError || newerVersionOf(error) !== undefined;
  const ownCode = error instanceof EventSourcingError ? error.code : otherwise;
  const code = isNewer ? ApplicationTooOldError.code : ownCode;
  const message = error instanceof Error ? error.message : String(error);
  return storableReason({ code, message });
}
