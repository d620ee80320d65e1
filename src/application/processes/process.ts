/**
 * What a process is: events of one application in, commands for another one out.
 *
 * @module
 */
import type { CommandOf } from '../../domain/decider.js';
import type { Message } from '../../domain/message-types.js';
import type { AnyDecider } from '../aggregates/aggregate-kind.js';
import type { NotifiedEvent } from '../events/notified-event.js';
import { topicsOfTypes, validateHandlers } from '../events/event-origin.js';
import type { EventOrigin, EventsOfOrigin } from '../events/event-origin.js';
import type { Repository } from '../aggregates/repository.js';
import { validateText, NAME_LENGTH_MAX } from '../../persistence/validation.js';

/** A command, and the aggregate that it is for. Made by {@link send}. */
export interface ProcessCommand {
  readonly to: AnyDecider;
  readonly id: string;
  readonly command: Message;
}

/** A command for an aggregate. */
export function send<Target extends AnyDecider>(to: Target, id: string, command: CommandOf<Target>): ProcessCommand {
  return { to, id, command: command };
}

/** What a policy may look at beside the event. */
export interface PolicyContext {
  /** The aggregates of the application that the commands go to. */
  readonly repository: Pick<Repository, keyof Repository>;
}

/** What follows from an event: commands, in their order, for one atomic save; none when nothing follows. */
export type Policy<Event extends Message> = (
  event: NotifiedEvent<Event>,
  context: PolicyContext,
) => readonly ProcessCommand[] | Promise<readonly ProcessCommand[]>;

/** A policy for each type of event that matters. */
export type Policies<Event extends Message> = {
  readonly [Type in Event['type']]?: Policy<Extract<Event, { readonly type: Type }>>;
};

/** A process, as a runner takes it. Made by {@link defineProcess}. */
export interface Process {
  readonly name: string;
  /** The topics that it has policies for. Other events are not even read. */
  readonly topics: readonly string[];
  /** What follows from an event. */
  react(event: NotifiedEvent, context: PolicyContext): Promise<readonly ProcessCommand[]>;
}

/** What {@link defineProcess} is given. */
export interface ProcessDefinition<Origins extends readonly EventOrigin[]> {
  /** How far it is is recorded under this name and that of the application that it follows, unless a runner has another. */
  readonly name: string;
  readonly from: Origins;
  /**
   * Policies have no effect of their own: they may be asked again for the same event, when the process was stopped
   * before what followed from it was recorded.
   */
  readonly on: Policies<EventsOfOrigin<Origins[number]>>;
}

/**
 * Defines a process.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when a policy is for an event that no origin has
 *
 * @example
 * ```ts
 * const recount = defineProcess({
 *   name: 'recount-needed',
 *   from: [stockItem],
 *   on: {
 *     Counted: ({ originatorId, data }) =>
 *       data.quantity < 0 ? [send(task, taskIdOf(originatorId), { type: 'AskForRecount', data: { itemId: originatorId } })] : [],
 *   },
 * });
 * ```
 */
export function defineProcess<const Origins extends readonly EventOrigin[]>({
  name,
  from,
  on,
}: ProcessDefinition<Origins>): Process {
  validateText('The name of a process', name, NAME_LENGTH_MAX);
  validateHandlers(`The process ${name}`, on);
  const policies = on as Readonly<Record<string, Policy<Message> | undefined>>;
  return {
    name,
    topics: topicsOfTypes(`The process ${name}`, Object.keys(policies), from),
    react: async (event, context) => (await policies[event.type]?.(event, context)) ?? [],
  };
}
