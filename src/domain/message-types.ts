/**
 * Types of events and commands, from one definition: the discriminated union for the compiler, and names, versions and
 * schemas for the running program.
 *
 * @module
 */
import type { EventVersions } from './event-versions.js';
import { personalFields } from './personal-data.js';
import type { AnyPersonalFields, PersonalFields } from './personal-data.js';
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
  /** The version that is written now, and how older ones become it: of commands, of those that are kept to be decided again. */
  readonly versions: EventVersions | undefined;
  /** Events only: the topic it is stored under, where it is not made of names. */
  readonly topic: string | undefined;
  /** Events only: as {@link EventOptions.isCommutative}. */
  readonly isCommutative: boolean;
  /** As {@link EventOptions.personal}. */
  readonly personal: AnyPersonalFields | undefined;
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
export interface EventOptions<Data extends object = object> extends Partial<EventVersions> {
  /** The topic that it is stored under: the name of a class for the Python library. @defaultValue `<aggregate>:<type>` */
  readonly topic?: string;
  /**
   * Whether it means the same after whatever others have recorded meanwhile (`Received 3`, and not `Counted 12`). What is
   * saved at once, and has such events only, is a unit of commutative events where the store is synchronised: when
   * others were first it is given the next versions, here and by the server, and is never set aside for that. Its aggregate may then be what its command would have refused: do
   * not declare what must not happen twice, or go below zero. Not so where the command expected an exact version, or no
   * events.
   *
   * @defaultValue false: a server takes it right after what it was decided on only
   */
  readonly isCommutative?: boolean;
  /**
   * The fields that are about a person, and about whom: encrypted by the person's own key where the application has
   * `subjectKeys`, which it needs then. See docs/encryption.md.
   *
   * @defaultValue none
   */
  readonly personal?: PersonalFields<Data>;
}

/** Options of {@link command}. */
export interface CommandOptions<Data extends object = object> extends Partial<EventVersions> {
  /** As {@link EventOptions.personal}: of commands that are kept to be decided again (`keepCommands`). @defaultValue none */
  readonly personal?: PersonalFields<Data>;
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
 *   ItemReceived: event<{ quantity: number }>({ isCommutative: true }),
 *   ItemLent: event<{ toId: string; toName: string }>({ personal: { toName: { subject: 'toId', forgotten: '' } } }),
 *   ItemRetired: event(),
 * };
 * ```
 */
export function event<Data extends object = NoData>(options?: EventOptions<Data>): MessageDefinition<Data>;
export function event<Schema extends StandardSchema<unknown, object>>(
  schema: Schema,
  options?: EventOptions<SchemaOutput<Schema>>,
): MessageDefinition<SchemaOutput<Schema>>;
/** @throws TypeError when a personal field does not say whom it is about, or what is read when the person was forgotten */
export function event(first: StandardSchema | EventOptions = {}, second: EventOptions = {}): MessageDefinition {
  const isSchema = '~standard' in first;
  const { topic, version = 1, upcasts = {}, isCommutative = false, personal } = isSchema ? second : first;
  return {
    schema: isSchema ? (first as StandardSchema<unknown, object>) : undefined,
    versions: version === 1 ? undefined : { version, upcasts },
    topic,
    isCommutative,
    personal: personal && personalFields(personal),
  };
}

/**
 * Defines a type of command. With a schema, the data is validated before anything is decided, and what the schema makes
 * of it is what `decide` gets.
 *
 * A command that is kept (`keepCommands`) may be decided again by a later release of the application: where its data has
 * changed meanwhile, give it a version, and say how older data becomes it, as for events.
 *
 * @example
 * ```ts
 * const commands = {
 *   Reserve: command<{ quantity: number; until: string }>({
 *     version: 2,
 *     upcasts: { 1: (data) => ({ ...data, until: '2026-12-31' }) },
 *   }),
 * };
 * ```
 */
export function command<Data extends object = NoData>(options?: CommandOptions<Data>): MessageDefinition<Data>;
export function command<Schema extends StandardSchema<unknown, object>>(
  schema: Schema,
  options?: CommandOptions<SchemaOutput<Schema>>,
): MessageDefinition<SchemaOutput<Schema>>;
export function command(first: StandardSchema | CommandOptions = {}, second: CommandOptions = {}): MessageDefinition {
  const isSchema = '~standard' in first;
  const { version = 1, upcasts = {}, personal } = isSchema ? second : first;
  return {
    schema: isSchema ? (first as StandardSchema<unknown, object>) : undefined,
    versions: version === 1 ? undefined : { version, upcasts },
    ...{ topic: undefined, isCommutative: false },
    personal: personal && personalFields(personal),
  };
}
