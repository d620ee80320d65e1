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
import type { RecordedEvent } from '../../domain/event-metadata.js';
import { UUID } from '../../domain/uuid.js';
import type { ProcessRecorder } from '../../persistence/recorder.js';
import type { StoredEvent } from '../../persistence/stored-event.js';
import type { UnitId } from '../../persistence/unit.js';
import { storableReason } from '../../persistence/unit-reasons.js';
import type { DecidedUnit, SetAsideReason, SetAsideUnit, Superseded } from '../../persistence/unit-recorder.js';
import { EventSourcingError } from '../../domain/errors.js';
import type { AnyDecider } from '../aggregates/aggregate-kind.js';
import type { EventEnvelopeMapper } from '../events/envelope-mapper.js';
import type { CommandExecutor, ExecuteOptions } from './command-executor.js';
import { basesOf } from './conflict-resolver.js';
import type { ConflictResolver, ResolvingMeans } from './conflict-resolver.js';
import type { CommandCodec, KeptCommand } from './kept-commands.js';
import { SupersededView } from './superseded-view.js';

/** How often a unit is decided again, before somebody has to look at it. */
export const DECISIONS_MAX = 8;

/** What became of a unit that gave way to others', for people. */
export interface RebasedUnit {
  readonly id: UnitId;
  /** What was asked for; empty where it was not kept. */
  readonly commands: readonly KeptCommand[];
  /** `decided`: it is pending again. `withdrawn`: it has nothing to do any more. `setAside`: it waits for somebody. */
  readonly outcome: 'decided' | 'withdrawn' | 'setAside';
  /** What it was. Events that this version of the application does not know are left out. */
  readonly before: readonly RecordedEvent[];
  /** What it is now. */
  readonly after: readonly RecordedEvent[];
  /** Why it was set aside. */
  readonly reason: SetAsideReason | undefined;
}

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
  /** What decides on a view. @param newEventId - gives the ids of its events */
  meansOn(view: SupersededView, newEventId: () => string): DecidingMeans;
}

/** Executes, loads and saves on a view. */
export interface DecidingMeans extends ResolvingMeans {
  readonly executor: CommandExecutor;
}

/** What was decided of one unit, on a draft. */
interface Draft {
  readonly commands: readonly KeptCommand[];
  /** Why there is none. */
  readonly reason?: SetAsideReason;
}

/** Decides units again. */
export class SupersededDecider {
  readonly #options: SupersededDeciderOptions;

  constructor(options: SupersededDeciderOptions) {
    this.#options = options;
  }

  /** Decides units in their order, each on what those before it have left. */
  async decide({ units, aggregates }: Superseded): Promise<Redecision> {
    const view = new SupersededView(this.#options.recorder, aggregates);
    const bases = basesOf(units, aggregates);
    const decided: DecidedUnit[] = [];
    const rebased: RebasedUnit[] = [];
    for (const unit of units) {
      const { id } = unit;
      const before = await this.#decoded(unit.events);
      const draft = view.draft();
      const { commands, reason } = await this.#decideOne(unit, { before, bases, view, draft });
      const decision = reason === undefined ? { id, ...(await view.take(draft)) } : { id, reason };
      const after = 'events' in decision ? await this.#decoded(decision.events) : [];
      const outcome = reason !== undefined ? 'setAside' : after.length === 0 ? 'withdrawn' : 'decided';
      decided.push(decision);
      rebased.push({ id, commands, outcome, before, after, reason });
    }
    return { decided, units: rebased };
  }

  /** @param on - what there is; on the draft, what is decided is left */
  async #decideOne(
    unit: SetAsideUnit,
    on: {
      readonly before: readonly RecordedEvent[];
      readonly bases: ReadonlyMap<string, number>;
      readonly view: SupersededView;
      readonly draft: SupersededView;
    },
  ): Promise<Draft> {
    const { id, command, attempts } = unit;
    const { before, draft } = on;
    let commands: readonly KeptCommand[] = [];
    try {
      const kept = command === undefined ? undefined : await this.#options.codec.decode(command);
      commands = kept?.commands ?? [];
      if (kept === undefined && this.#options.resolver === undefined) return { commands, reason: NO_COMMAND };
      if (attempts >= DECISIONS_MAX) return { commands, reason: EXHAUSTED };
      const means = this.#options.meansOn(draft, eventIds(id, attempts));
      if (kept === undefined) return await this.#resolve({ unit, ...on }, means);
      const executions = commands.map((one) => [this.#deciderOf(one), one.aggregateId, one.command] as const);
      const occurredAt = before[0]?.metadata.occurredAt;
      const options: ExecuteOptions = { metadata: kept.metadata, ...(occurredAt === undefined ? {} : { occurredAt }) };
      await means.executor.execute(executions, options);
      return { commands };
    } catch (error) {
      return { commands, reason: reasonOf(error, command === undefined ? 'RESOLVE_FAILED' : 'COMMAND_FAILED') };
    }
  }

  async #resolve(asked: Parameters<ConflictResolver['resolve']>[0], means: ResolvingMeans): Promise<Draft> {
    const resolved = await this.#options.resolver?.resolve(asked, means);
    if (resolved === undefined) return { commands: [], reason: NO_COMMAND };
    return 'reason' in resolved ? { commands: [], reason: storableReason(resolved.reason) } : { commands: [] };
  }

  #deciderOf({ aggregateType }: KeptCommand): AnyDecider {
    const decider = this.#options.deciders.get(aggregateType);
    if (decider !== undefined) return decider;
    throw new Error(`This application has no decider ${aggregateType}.`);
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
const EXHAUSTED: SetAsideReason = {
  code: 'DECISIONS_EXHAUSTED',
  message: `It was decided again ${DECISIONS_MAX} times, and others were faster each time.`,
};

/** Always the same for the same decision, and others than before: a snapshot that ends with an event goes by its id. */
function eventIds(id: UnitId, attempts: number): () => string {
  let next = 0;
  return () => UUID.fromName(UUID.parse(id), `${attempts} ${next++}`).toString();
}

function reasonOf(error: unknown, otherwise: string): SetAsideReason {
  const code = error instanceof EventSourcingError ? error.code : otherwise;
  const message = error instanceof Error ? error.message : String(error);
  return storableReason({ code, message });
}
