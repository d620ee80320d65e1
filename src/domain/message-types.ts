/**
 * Types of events and commands, from one definition: the discriminated union for the compiler, and names, versions and
 * schemas for the running program.
 *
 * @module
 */
import type { EventVersions } from './event-versions.js';
import type { SchemaOutput, StandardSchema } from './standard-schema.js';

/** What an event or a command is before it is recorded: its type, and the rest. */
export interface Message<Type extends string = string, Data extends object = object> {
  readonly type: Type;
  readonly data: Data;
}

/** The data of a message that has none. */
export type NoData = Readonly<Record<string, never>>;

/** Says what one type of event or command carries. Made by {@link event} and {@link command}. */
export interface MessageDefinition<Data extends object = object> {
  /** Validates the data. Without it, what the compiler says is believed. */
  readonly schema: StandardSchema<unknown, Data> | undefined;
  /** Events only: the version that is written now, and how older ones become it. */
  readonly versions: EventVersions | undefined;
  /** Events only: the topic it is stored under, where it is not made of names. */
  readonly topic: string | undefined;
}

/** Definitions by the name of the type. */
export type MessageDefinitions = Readonly<Record<string, MessageDefinition>>;

/** The data that a definition stands for. */
export type DataOf<Definition> = Definition extends MessageDefinition<infer Data> ? Data : never;

/** The union of the messages that definitions stand for, discriminated by `type`. */
export type MessageOf<Definitions extends MessageDefinitions> = {
  [Type in keyof Definitions & string]: Message<Type, DataOf<Definitions[Type]>>;
}[keyof Definitions & string];

/** Options of {@link event}. */
export interface EventOptions extends Partial<EventVersions> {
  /** The topic that it is stored under: the name of a class for the Python library. @defaultValue `<aggregate>:<type>` */
  readonly topic?: string;
}

/**
 * Defines a type of event.
 *
 * With a schema, the data is validated before it is stored, and what the schema makes of it is stored; the schema should
 * give back what it is given, because what is read may be validated again.
 *
 * @example
 * ```ts
 * const events = {
 *   ItemNamed: event<{ name: string }>(),
 *   ItemCounted: event(z.object({ quantity: z.number().int() })),
 *   ItemMoved: event<{ shelf: string }>({ version: 2, upcasts: { 1: (data) => ({ shelf: data.place }) } }),
 *   ItemRetired: event(),
 * };
 * ```
 */
export function event<Data extends object = NoData>(options?: EventOptions): MessageDefinition<Data>;
export function event<Schema extends StandardSchema<unknown, object>>(
  schema: Schema,
  options?: EventOptions,
): MessageDefinition<SchemaOutput<Schema>>;
export function event(first: StandardSchema | EventOptions = {}, second: EventOptions = {}): MessageDefinition {
  const isSchema = '~standard' in first;
  const { topic, version = 1, upcasts = {} } = isSchema ? second : first;
  return {
    schema: isSchema ? (first as StandardSchema<unknown, object>) : undefined,
    versions: version === 1 ? undefined : { version, upcasts },
    topic,
  };
}

/**
 * Defines a type of command. With a schema, the data is validated before anything is decided, and what the schema makes
 * of it is what `decide` gets.
 */
export function command<Data extends object = NoData>(): MessageDefinition<Data>;
export function command<Schema extends StandardSchema<unknown, object>>(
  schema: Schema,
): MessageDefinition<SchemaOutput<Schema>>;
export function command(schema?: StandardSchema): MessageDefinition {
  return { schema: schema as StandardSchema<unknown, object> | undefined, versions: undefined, topic: undefined };
}
