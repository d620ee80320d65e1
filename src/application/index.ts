/**
 * What an application is written with: deciders and aggregates, and what runs them on any store.
 *
 * @module
 */
export { defineDecider } from '../domain/decider.js';
export type {
  CommandOf,
  DecideHandlers,
  Decider,
  DeciderDefinition,
  DefinedDecider,
  EventOf,
  EvolveHandlers,
  StateOf,
} from '../domain/decider.js';
export { CommandError, DomainError, EventHandlerError, ValidationError } from '../domain/domain-errors.js';
export type { ValidationIssue } from '../domain/domain-errors.js';
export type { CommandMetadata, EventMetadata, EventPosition, RecordedEvent } from '../domain/event-metadata.js';
export { command, event } from '../domain/message-types.js';
export type {
  DataOf,
  EventOptions,
  Message,
  MessageDefinition,
  MessageDefinitions,
  MessageOf,
  NoData,
} from '../domain/message-types.js';
export type { SchemaOutput, StandardIssue, StandardResult, StandardSchema } from '../domain/standard-schema.js';
