import type { MessageDefinition } from './message-types.js';

/** The topic that a type of event is stored under: `<aggregate>:<type>`, unless its definition says otherwise. */
export function eventTopic(aggregateName: string, type: string, definition: Pick<MessageDefinition, 'topic'>): string {
  return definition.topic ?? `${aggregateName}:${type}`;
}
