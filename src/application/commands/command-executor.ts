/**
 * Commands to events: load, decide, save; and decide again when somebody else was faster.
 *
 * @module
 */
import { throwIfAborted } from '../../persistence/heed-signal.js';
import type { CommandOf, EventOf, StateOf } from '../../domain/decider.js';
import { EventHandlerError } from '../../domain/domain-errors.js';
import type { RecordedEvent } from '../../domain/event-metadata.js';
import type { Message } from '../../domain/message-types.js';
import { validated } from '../../domain/standard-schema.js';
import type { NotificationId } from '../../persistence/stored-event.js';
import type { EditionId } from '../../persistence/unit.js';
import { kindOf } from '../aggregates/aggregate-kind.js';
import type { AggregateKind, AnyDecider } from '../aggregates/aggregate-kind.js';
import type { AggregateLoader } from '../aggregates/aggregate-loader.js';
import type { ConflictReader } from './conflict-reader.js';
import { decideAgain, validateRetryPolicy } from './decide-again.js';
import type { RetryMeans, RetryPolicy } from './decide-again.js';
import type { KeptExecution } from './kept-commands.js';
import { concurrencyError } from './event-saver.js';
import type { AggregateChange, SaveOptions } from './event-saver.js';
import { isAsExpected, outlivesConflict, validateExpectedVersion, versionOf } from '../aggregates/expected-version.js';
import type { ExpectedVersion } from '../aggregates/expected-version.js';
import type { NotifiedEvent } from '../events/notified-event.js';
import { grouped } from '../../util/grouped.js';
import { validateList, validateObject } from '../../persistence/validation.js';

/** What is known of a command beside what it asks for. */
export interface ExecuteOptions extends SaveOptions {
  /** What the aggregate is expected to be. @defaultValue `'any'` */
  readonly expected?: ExpectedVersion | undefined;
  /**
   * Decide again, on newer state, when somebody else was faster. Of no use with an exact version or `'noStream'`, which
   * a conflict refutes for good. @defaultValue off: a `ConcurrencyError` is thrown
   */
  readonly retry?: RetryPolicy | undefined;
}

/** What came of a command. */
export interface Executed<State, Event extends Message> {
  /** What happened; empty when there was nothing to do. */
  readonly events: readonly RecordedEvent<Event>[];
  /** The version of the aggregate after them. */
  readonly version: number;
  /** The state after them. */
  readonly state: State;
  /** Of the events, in their order. */
  readonly notificationIds: readonly NotificationId[];
}

/** What came of a command of a decider. */
export type ExecutedBy<Decider> = Executed<StateOf<Decider>, EventOf<Decider> & Message>;

/** A decider, the id of an aggregate, and a command for it. */
export type Execution<Decider> = readonly [decider: Decider, id: string, command: CommandOf<Decider>];

/** What a {@link CommandExecutor} is made of. */
export interface CommandExecutorOptions extends RetryMeans {
  readonly loader: AggregateLoader;
  readonly conflicts: ConflictReader;
  validated(kind: AggregateKind, messages: readonly Message[]): Promise<readonly Message[]>;
  save(changes: readonly AggregateChange[], options: SaveOptions): Promise<readonly NotifiedEvent[]>;
  /** Makes of what is executed what is kept with its unit. @defaultValue nothing is */
  keep?(execution: KeptExecution): Promise<Uint8Array>;
}

type AnyExecution = readonly [decider: AnyDecider, id: string, command: Message];

/** An aggregate as it will be after the commands so far. */
interface Draft {
  readonly kind: AggregateKind;
  readonly id: string;
  /** The version that was loaded. */
  readonly version: number;
  readonly edition: EditionId | undefined;
  current: unknown;
  readonly messages: Message[];
}

/** What one command added to a draft. */
interface Step {
  readonly draft: Draft;
  readonly first: number;
  readonly end: number;
  readonly state: unknown;
}

/** Executes commands. */
export class CommandExecutor {
  readonly #options: CommandExecutorOptions;

  constructor(options: CommandExecutorOptions) {
    this.#options = options;
  }

  /**
   * Executes commands in their order, and saves what happens at once. Several may be for one aggregate: each is decided on
   * the state after the one before.
   */
  async execute(
    executions: readonly AnyExecution[],
    { expected = 'any', retry, ...saveOptions }: ExecuteOptions,
  ): Promise<readonly Executed<unknown, Message>[]> {
    validateExpectedVersion(expected);
    if (retry !== undefined) validateRetryPolicy(retry);
    validateList('executions', executions);
    // Once: what a schema makes of a command does not depend on the state.
    const valid = await Promise.all(executions.map(validatedExecution));
    const policy = outlivesConflict(expected) ? retry : undefined;
    const options = await this.#withCommand(valid, expected, saveOptions);
    return await decideAgain(() => this.#attempt(valid, expected, options), policy, this.#options);
  }

  /** Whoever expects a version has decided on that: nobody decides it again for him. */
  async #withCommand(
    executions: readonly AnyExecution[],
    expected: ExpectedVersion,
    options: SaveOptions,
  ): Promise<SaveOptions> {
    if (this.#options.keep === undefined || !outlivesConflict(expected)) return options;
    const commands = executions.map(([{ name }, aggregateId, { type, data }]) => ({
      ...{ aggregateType: name, aggregateId, command: { type, data } },
    }));
    const command = await this.#options.keep({ commands, metadata: options.metadata });
    return { ...options, unit: { ...options.unit, command } };
  }

  async #attempt(
    executions: readonly AnyExecution[],
    expected: ExpectedVersion,
    saveOptions: SaveOptions,
  ): Promise<readonly Executed<unknown, Message>[]> {
    throwIfAborted(saveOptions.signal);
    const drafts = new Map<string, Draft>();
    const steps: Step[] = [];
    for (const [decider, id, command] of executions) {
      const draft = await this.#draft(drafts, kindOf(decider), id, expected);
      const messages = await this.#options.validated(draft.kind, decider.decide(command, draft.current));
      const first = draft.messages.length;
      draft.current = draft.kind.fold(draft.current, messages);
      for (const message of messages) draft.messages.push(message);
      steps.push({ draft, first, end: draft.messages.length, state: draft.current });
    }
    const changes = [...drafts.values()].map((draft) => ({ ...draft, expected }));
    const saved = await this.#options.save(changes, saveOptions);
    const events = grouped(saved, ({ originatorId }) => originatorId);
    return steps.map((step) => outcome(step, events.get(step.draft.id) ?? []));
  }

  async #draft(drafts: Map<string, Draft>, kind: AggregateKind, id: string, expected: ExpectedVersion): Promise<Draft> {
    const present = drafts.get(id);
    if (present !== undefined) {
      if (present.kind.name === kind.name) return present;
      throw new EventHandlerError(`The id ${id} was given for a ${present.kind.name} and for a ${kind.name}.`, {
        details: { aggregateId: id, aggregateType: kind.name },
      });
    }
    const { version, current, edition } = await this.#options.loader.load(kind, id);
    if (!isAsExpected(version, expected)) {
      const conflicting = await this.#options.conflicts.eventsAfter(id, versionOf(expected));
      throw concurrencyError({ kind, id, version, expected }, version, conflicting);
    }
    const draft = { kind, id, version, edition, current, messages: [] };
    drafts.set(id, draft);
    return draft;
  }
}

async function validatedExecution(execution: AnyExecution): Promise<AnyExecution> {
  validateList('An execution', execution);
  const [decider, id, command] = execution;
  validateObject('command', command);
  const { type, data } = command;
  // A command that is not defined is refused by the decider itself.
  const schema = Object.hasOwn(decider.commands, type) ? decider.commands[type]?.schema : undefined;
  if (schema === undefined) return [decider, id, command];
  const valid = await validated(schema, data, `the data of the command ${type} of ${decider.name}`);
  return [decider, id, { ...command, data: valid }];
}

function outcome({ draft, first, end, state }: Step, saved: readonly NotifiedEvent[]): Executed<unknown, Message> {
  const own = saved.slice(first, end);
  return {
    events: own.map(({ notificationId: _id, ...event }) => event),
    version: draft.version + end,
    state,
    notificationIds: own.map(({ notificationId }) => notificationId),
  };
}
