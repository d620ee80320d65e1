/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Everything that an application needs to store events, made from its settings.
 *
 * @module
 */
import type { DomainEvent } from '../domain/domain-event.js';
import type { Cipher } from '../persistence/mapping/cipher.js';
import type { Compressor } from '../persistence/mapping/compressor.js';
import type { Environment } from '../environment/environment.js';
import { namedByTopic } from '../environment/topics.js';
import { EventStore } from '../persistence/event-store.js';
import type { EventStoreOptions } from '../persistence/event-store.js';
import type { EventMapper } from '../persistence/event-mapper.js';
import type { MapperOptions } from '../persistence/mapping/mapper.js';
import type { RecorderFactory, RecorderFactoryClass } from '../persistence/recorder-factory.js';
import type { AggregateRecorder, ApplicationRecorder, ProcessRecorder } from '../persistence/recorder.js';
import type { Transcoder } from '../persistence/mapping/transcoder.js';
import { makeMapper, makeTranscoder, mergeComponents, OWN_COMPONENTS } from './infrastructure-components.js';
import type { AllComponents, InfrastructureComponents } from './infrastructure-components.js';
import { makeCipherOfKeys } from './key-ring.js';
import { moduleFor, registerModule } from './persistence-modules.js';
import type { PersistenceModules } from './persistence-modules.js';
import { validateText, NAME_LENGTH_MAX } from '../persistence/validation.js';

/** Options of {@link InfrastructureFactory.construct}: what counts for this factory only, before what was registered. */
export interface InfrastructureOptions extends InfrastructureComponents {
  /** Persistence modules by name, instead of {@link InfrastructureFactory.register}. */
  readonly modules?: PersistenceModules;
}

/** {@link InfrastructureFactory}, or a class that extends it. */
export type InfrastructureFactoryClass<F extends InfrastructureFactory> = new (
  environment: Environment,
  recorders: RecorderFactory,
  components?: InfrastructureComponents,
) => F;

/**
 * Makes recorders, mapper and event store as the environment says.
 *
 * To change a part, extend the class and override its method; `construct` makes an instance of the class that it is
 * called on. To add an engine, register a {@link RecorderFactory} class.
 *
 * @example
 * ```ts
 * import { Environment, InfrastructureFactory } from 'daybook';
 * import { PostgresFactory } from 'daybook/postgres';
 *
 * InfrastructureFactory.register('postgres', PostgresFactory);
 * await using factory = await InfrastructureFactory.construct(Environment.fromProcess({ name: 'dogschool' }));
 * const events = await factory.eventStore();
 * ```
 */
export class InfrastructureFactory implements AsyncDisposable {
  static #registered: AllComponents = OWN_COMPONENTS;

  readonly environment: Environment;
  readonly #recorders: RecorderFactory;
  readonly #components: AllComponents;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /** Usually called by {@link InfrastructureFactory.construct}. */
  constructor(environment: Environment, recorders: RecorderFactory, components: InfrastructureComponents = {}) {
    this.environment = environment;
    this.#recorders = recorders;
    this.#components = InfrastructureFactory.componentsWith(components);
  }

  /**
   * Makes the factory of the module that `PERSISTENCE_MODULE` names: `memory` unless it says otherwise. The names of
   * the Python library's modules are understood too. Nothing is opened yet.
   *
   * @throws EnvironmentError (`ENVIRONMENT_ERROR`) when there is no such module, or one of its settings is wrong
   */
  static async construct<F extends InfrastructureFactory>(
    this: InfrastructureFactoryClass<F>,
    environment: Environment,
    options: InfrastructureOptions = {},
  ): Promise<F> {
    const { modules = {}, ...components } = options;
    const Recorders = moduleFor(environment, modules);
    const { connectors } = InfrastructureFactory.componentsWith(components);
    return new this(environment, new Recorders(environment, { connectors }), components);
  }

  /**
   * Makes a persistence module known by name, for this copy of the library. `memory` is known from the start.
   *
   * @param name - for example `postgres`; replaces what was registered under it
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the name is blank or the module is no class
   */
  static register(name: string, module: RecorderFactoryClass): void {
    validateText('name', name, NAME_LENGTH_MAX);
    registerModule(name, module);
  }

  /** Makes transcoders, mappers, compressors, ciphers and connectors known by topic, for this copy of the library. */
  static registerComponents(components: InfrastructureComponents): void {
    InfrastructureFactory.#registered = mergeComponents(InfrastructureFactory.#registered, components);
  }

  /** What is known by topic: what was registered, and these. @internal */
  static componentsWith(components: InfrastructureComponents): AllComponents {
    return mergeComponents(InfrastructureFactory.#registered, components);
  }

  /**
   * A recorder of sequences of aggregates.
   *
   * @param purpose - names the table. @defaultValue `events`
   */
  async aggregateRecorder(purpose = 'events'): Promise<AggregateRecorder> {
    return await this.#recorders.aggregateRecorder(purpose);
  }

  /** The recorder of the application's events. */
  async applicationRecorder(): Promise<ApplicationRecorder> {
    return await this.#recorders.applicationRecorder();
  }

  /** The recorder of the application's events and of what it processed. */
  async processRecorder(): Promise<ProcessRecorder> {
    return await this.#recorders.processRecorder();
  }

  /** JSON with the Python library's three transcodings; another one by `TRANSCODER_TOPIC`. */
  transcoder(): Transcoder {
    const make = namedByTopic(this.environment, 'TRANSCODER_TOPIC', this.#components.transcoders) ?? makeTranscoder;
    return make(this.environment);
  }

  /** The compressor that `COMPRESSOR_TOPIC` names, or none. */
  compressor(): Compressor | undefined {
    return namedByTopic(this.environment, 'COMPRESSOR_TOPIC', this.#components.compressors)?.(this.environment);
  }

  /**
   * The cipher that `CIPHER_TOPIC` names; without it a key ring when there are `CIPHER_KEYS`, AES when there is a `CIPHER_KEY`,
   * or none.
   *
   * @throws EnvironmentError (`ENVIRONMENT_ERROR`) when a key is missing, or is none
   */
  async cipher(): Promise<Cipher | undefined> {
    const make = namedByTopic(this.environment, 'CIPHER_TOPIC', this.#components.ciphers);
    if (make !== undefined) return await make(this.environment);
    return await makeCipherOfKeys(this.environment);
  }

  /**
   * A mapper over this factory's transcoder, compressor and cipher; another one by `MAPPER_TOPIC`.
   *
   * @typeParam E - the union of the application's events
   * @param options - what the application adds, such as the versions of its events, or puts in the place of a part
   */
  async mapper<E extends DomainEvent = DomainEvent>(options: Partial<MapperOptions> = {}): Promise<EventMapper<E>> {
    const make = namedByTopic(this.environment, 'MAPPER_TOPIC', this.#components.mappers) ?? makeMapper;
    const parts = { transcoder: this.transcoder(), compressor: this.compressor(), cipher: await this.cipher() };
    return make({ ...parts, ...options }, this.environment) as EventMapper<E>;
  }

  /**
   * An event store over this factory's mapper and process recorder, so that tracking records can be put as well.
   *
   * @param options - what to put in the place of a part, for example `recorder: await factory.aggregateRecorder('snapshots')`
   */
  async eventStore<E extends DomainEvent = DomainEvent>(
    options: Partial<EventStoreOptions<E>> = {},
  ): Promise<EventStore<E>> {
    return new EventStore<E>({
      ...options,
      mapper: options.mapper ?? (await this.mapper<E>()),
      recorder: options.recorder ?? (await this.processRecorder()),
    });
  }

  /** Whether the application takes snapshots: `IS_SNAPSHOTTING_ENABLED`, no unless it says so. */
  isSnapshottingEnabled(): boolean {
    return this.environment.getBoolean('IS_SNAPSHOTTING_ENABLED', false);
  }

  /** Closes what the recorders use. They reject afterwards. Closing twice is fine. */
  async close(): Promise<void> {
    await this.#recorders.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
