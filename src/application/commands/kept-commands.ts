/**
 * Commands as they are kept with the unit that they made, to be decided again: as bytes, by way of the events' own
 * transcoder, compressor and cipher.
 *
 * ```text
 * { commands: [{ aggregateType, aggregateId, command: { type, data }, class_version? }], metadata? }
 *
 * class_version   from version 2 of the command's data on
 * ```
 *
 * Another release of the application may be the one that reads them: an older version becomes the present one by the upcasts
 * of the command's definition; one that is newer, and a command that the release does not have, are read, and not decided.
 *
 * @module
 */
import { dequal } from 'dequal';
import type { CommandMetadata } from '../../domain/event-metadata.js';
import type { EventData, EventVersions } from '../../domain/event-versions.js';
import type { Message } from '../../domain/message-types.js';
import type { MessageDefinition, MessageDefinitions } from '../../domain/message-types.js';
import { DataError } from '../../persistence/errors.js';
import { Mapper } from '../../persistence/mapping/mapper.js';
import type { MapperOptions } from '../../persistence/mapping/mapper.js';
import { CLASS_VERSION_KEY, NewerVersionError, upcast, validateVersions } from '../../persistence/mapping/upcasting.js';
import { withoutUndefined } from '../../util/without-undefined.js';
import { ApplicationTooOldError, CommandUnknownError } from '../aggregates/application-errors.js';
import type { DataSealer, SealedPlace } from '../events/data-sealer.js';

/** One command. */
export interface KeptCommand {
  /** The name of the decider. */
  readonly aggregateType: string;
  readonly aggregateId: string;
  readonly command: Message;
}

/** What was read, and why this release of the application cannot decide it, where it cannot. */
export interface ReadExecution extends KeptExecution {
  readonly unfit: ApplicationTooOldError | CommandUnknownError | undefined;
}

/** What was executed at once. */
export interface KeptExecution {
  /** In the order in which they were decided. */
  readonly commands: readonly KeptCommand[];
  readonly metadata: CommandMetadata | undefined;
}

const TOPIC = 'daybook.commands';
const FIRST_VERSION: EventVersions = { version: 1, upcasts: {} };
// The mapper maps events; of an aggregate that none has.
const PLACE = { originatorId: '00000000-0000-4000-8000-000000000000', originatorVersion: 1 } as const;

/** Whose commands they are: a decider. */
export interface CommandSource {
  readonly name: string;
  readonly commands: MessageDefinitions;
}

/** One command as it is written. */
interface WrittenCommand extends KeptCommand {
  readonly [CLASS_VERSION_KEY]?: number;
}

/** Encodes and decodes commands. */
export class CommandCodec {
  readonly #mapper: Mapper;
  readonly #sources: ReadonlyMap<string, MessageDefinitions>;
  readonly #sealer: DataSealer | undefined;

  /**
   * @param sealer - of what the commands' definitions say is personal. @defaultValue nothing is sealed
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the versions of a command have a gap
   */
  constructor(
    options: Pick<MapperOptions, 'transcoder' | 'compressor' | 'cipher'>,
    sources: readonly CommandSource[],
    sealer?: DataSealer,
  ) {
    this.#mapper = new Mapper(options);
    this.#sources = new Map(sources.map(({ name, commands }) => [name, commands]));
    this.#sealer = sealer;
    for (const { name, commands } of sources) {
      for (const [type, { versions }] of Object.entries(commands))
        if (versions !== undefined) validateVersions(`the command ${type} of ${name}`, versions);
    }
  }

  /**
   * @throws DataError (`DATA_ERROR`) when a command would come back as something else: it would be decided otherwise
   * @throws TranscodingNotRegisteredError (a `TypeError`) when a command has no serialised form
   * @throws SubjectForgottenError (`SUBJECT_FORGOTTEN`) when somebody was forgotten whom a personal field is about
   */
  async encode({ commands, metadata }: KeptExecution): Promise<Uint8Array> {
    const kept = metadata === undefined ? undefined : withoutUndefined(metadata);
    const rest = kept === undefined ? {} : { metadata: kept };
    const sealed = await this.#each(commands, (one) => this.#sealed(one));
    const data = { commands: sealed.map((one) => this.#withVersion(one)), ...rest };
    const { state } = await this.#mapper.toStoredEvent({ ...PLACE, type: TOPIC, data });
    if (dequal(await this.#decoded(state), { commands: commands.map((one) => ({ ...one })), ...rest })) return state;
    throw new DataError(
      `A command is not the same when it is read back, so it could not be decided again: ${commands.map(({ command }) => command.type).join()}. Use values for which the transcoder has a form, such as DateTime for Date. Nothing was stored.`,
      { details: { commands: commands.map(({ command }) => command.type).join() } },
    );
  }

  /**
   * Reads commands, as this release of the application has them; what it does not have stays as it was written.
   *
   * @throws MapperDeserialisationError (`MAPPER_DESERIALISATION_ERROR`) when the bytes cannot be read
   * @throws what an upcast throws
   */
  async decode(bytes: Uint8Array): Promise<ReadExecution> {
    const { commands, metadata } = await this.#read(bytes);
    const present = commands.map((one) => this.#present(one));
    return { commands: present.map(({ kept }) => kept), metadata, unfit: present.find(({ unfit }) => unfit)?.unfit };
  }

  /** As they were given, when it is this release that has written them. */
  async #decoded(bytes: Uint8Array): Promise<KeptExecution> {
    const { commands, ...rest } = await this.#read(bytes);
    return { commands: commands.map(({ [CLASS_VERSION_KEY]: _version, ...kept }) => kept), ...rest };
  }

  async #read(bytes: Uint8Array): Promise<Pick<KeptExecution, 'metadata'> & { commands: readonly WrittenCommand[] }> {
    const { data } = await this.#mapper.readDomainEvent({ ...PLACE, topic: TOPIC, state: bytes });
    const { commands, ...rest } = data as KeptExecution;
    return { commands: await this.#each(commands, (one) => this.#unsealed(one)), ...rest };
  }

  #withVersion(one: KeptCommand): WrittenCommand {
    const version = this.#definition(one)?.versions?.version;
    return version === undefined ? one : { ...one, [CLASS_VERSION_KEY]: version };
  }

  #present({ [CLASS_VERSION_KEY]: stored = 1, ...kept }: WrittenCommand): {
    readonly kept: KeptCommand;
    readonly unfit?: ReadExecution['unfit'];
  } {
    const definition = this.#definition(kept);
    if (definition === undefined) return { kept, unfit: unknownCommand(kept) };
    const { versions = FIRST_VERSION } = definition;
    if (stored === versions.version) return { kept };
    const { command } = kept;
    try {
      return { kept: { ...kept, command: { ...command, data: upcast(command.data as EventData, stored, versions) } } };
    } catch (error) {
      if (error instanceof NewerVersionError) return { kept, unfit: newerCommand(kept, error) };
      throw error;
    }
  }

  #definition({ aggregateType, command }: KeptCommand): MessageDefinition | undefined {
    const commands = this.#sources.get(aggregateType) ?? {};
    return Object.hasOwn(commands, command.type) ? commands[command.type] : undefined;
  }

  async #each<One extends KeptCommand>(
    commands: readonly One[],
    change: (one: One) => EventData | Promise<EventData>,
  ): Promise<readonly One[]> {
    return await Promise.all(
      commands.map(async (one) => ({ ...one, command: { ...one.command, data: await change(one) } })),
    );
  }

  async #sealed(one: KeptCommand): Promise<EventData> {
    const data = one.command.data as EventData;
    return (await this.#sealer?.seal(this.#definition(one)?.personal, data, placeOf(one))) ?? data;
  }

  #unsealed(one: KeptCommand): EventData | Promise<EventData> {
    const data = one.command.data as EventData;
    return this.#sealer?.unseal(this.#definition(one)?.personal, data, placeOf(one)) ?? data;
  }
}

/** Of a command that this release of the application does not have. */
export function unknownCommand({ aggregateType, aggregateId, command: { type } }: KeptCommand): CommandUnknownError {
  return new CommandUnknownError(
    `This release of the application has no command ${type} of ${aggregateType}. It is decided when one runs that has.`,
    { details: { aggregateType, aggregateId, command: type } },
  );
}

function newerCommand(kept: KeptCommand, { stored, known }: NewerVersionError): ApplicationTooOldError {
  const { aggregateType, aggregateId, command } = kept;
  return new ApplicationTooOldError(
    `The command ${command.type} of ${aggregateType} is of version ${stored}, and ${known} is known to this release of the application. It is decided when the newer one runs.`,
    { details: { aggregateType, aggregateId, command: command.type, stored, known } },
  );
}

function placeOf({ aggregateType, aggregateId, command }: KeptCommand): SealedPlace {
  return { originatorId: aggregateId, topic: `${TOPIC}:${aggregateType}:${command.type}` };
}
