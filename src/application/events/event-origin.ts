/**
 * Where events come from: what projections and processes say they follow.
 *
 * @module
 */
import { eventTopic } from '../../domain/event-topic.js';
import type { Message, MessageDefinitions, MessageOf } from '../../domain/message-types.js';
import { ProgrammingError } from '../../persistence/errors.js';
import { validateFunctions, validateList } from '../../persistence/validation.js';

/** Where events come from: a decider, or the class of an aggregate. */
export type EventOrigin =
  | { readonly name: string; readonly events: MessageDefinitions }
  | { readonly aggregateType: string; readonly events: MessageDefinitions };

/** The union of the events of an origin. */
export type EventsOfOrigin<Origin> = Origin extends { evolve(state: never, event: infer Event): unknown }
  ? Event & Message
  : Origin extends new (id: string) => { readonly pendingEvents: readonly (infer Event)[] }
    ? Event & Message
    : Origin extends { readonly events: infer Definitions extends MessageDefinitions }
      ? MessageOf<Definitions>
      : never;

/**
 * The topics of types of events.
 *
 * @param who - for the message: who wants them
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when no origin has a type
 */
export function topicsOfTypes(
  who: string,
  types: readonly string[],
  origins: readonly EventOrigin[],
): readonly string[] {
  validateList(`What ${who} follows`, origins);
  return types.flatMap((type) => {
    const topics = origins.flatMap((origin) => {
      const definition = Object.hasOwn(origin.events, type) ? origin.events[type] : undefined;
      return definition === undefined ? [] : [eventTopic(originName(origin), type, definition)];
    });
    if (topics.length > 0) return topics;
    throw new ProgrammingError(`${who} handles ${type}, which none of ${origins.map(originName).join(', ')} has.`);
  });
}

/**
 * Functions for types of events, or one for all of them.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when they are something else
 */
export function validateHandlers(who: string, on: unknown): void {
  if (typeof on === 'function') return;
  if (typeof on !== 'object' || on === null)
    throw new ProgrammingError(`${who} has nothing in "on" that handles events.`);
  validateFunctions(on as Readonly<Record<string, unknown>>);
}

// A class has a name of its own, which a minifier changes.
function originName(origin: EventOrigin): string {
  return 'aggregateType' in origin ? origin.aggregateType : origin.name;
}
