/**
 * Errors of the application layer.
 *
 * ```text
 * EventSourcingError
 * └─ ApplicationError
 *    ├─ AggregateNotFoundError   there are no events of an aggregate
 *    ├─ ApplicationTooOldError   an aggregate has events, or a unit a command, that only a newer release can read
 *    ├─ CommandUnknownError      a command that was kept is none that this release has
 *    ├─ ConcurrencyError         somebody else was faster, or an aggregate is not at the version that was expected
 *    └─ ResolverTimeoutError     `resolve` has not answered in time
 * ```
 *
 * @module
 */
import { EventSourcingError } from '../../domain/errors.js';
import type { ErrorDetails, EventSourcingErrorClass, EventSourcingErrorOptions } from '../../domain/errors.js';
import type { RecordedEvent } from '../../domain/event-metadata.js';
import type { ExpectedVersion } from './expected-version.js';

/** Base of all errors about an application. */
export class ApplicationError<D extends ErrorDetails = ErrorDetails> extends EventSourcingError<D> {
  static override readonly code: string = 'APPLICATION_ERROR';
}

/** There are no events of an aggregate, or none up to the version that was asked for. `details` name it. */
export class AggregateNotFoundError extends ApplicationError {
  static override readonly code: string = 'AGGREGATE_NOT_FOUND';
}

/** What a release of an application is too old for. */
export interface ApplicationTooOldDetails extends Readonly<Record<string, string | number | undefined>> {
  readonly aggregateType?: string;
  readonly aggregateId?: string;
  /** Of the event that cannot be read, and where it stands in the aggregate. */
  readonly topic?: string;
  readonly originatorVersion?: number;
  /** Of a command that was kept. */
  readonly command?: string;
  /** The version of the data, where that is newer than {@link ApplicationTooOldDetails.known}. */
  readonly stored?: number;
  readonly known?: number;
}

/**
 * An aggregate has events that this release of the application cannot read, because a newer one has recorded them; or
 * a command was kept by a newer one. Nobody knows here what state the aggregate is in, so nothing was decided, and nothing
 * stored. Load the newer release. What is pending stays as it is, and is sent all the same.
 */
export class ApplicationTooOldError extends ApplicationError<ApplicationTooOldDetails> {
  static override readonly code: string = 'APPLICATION_TOO_OLD';
}

/**
 * A command that was kept to be decided again is none that this release of the application has: it was recorded by another
 * one. Its unit is set aside, and decided when a release that has it runs on the device. `details` name it.
 */
export class CommandUnknownError extends ApplicationError {
  static override readonly code: string = 'COMMAND_UNKNOWN';
}

/** Which aggregate was not as it was expected to be. */
export interface ConcurrencyErrorDetails extends Readonly<Record<string, string | number | undefined>> {
  readonly aggregateId?: string;
  /** A version, `'noStream'` or `'streamExists'`. */
  readonly expected?: ExpectedVersion;
  /** The version that the aggregate has: 0 when it has no events. */
  readonly actual?: number;
}

/** Options of {@link ConcurrencyError}. */
export interface ConcurrencyErrorOptions extends EventSourcingErrorOptions<ConcurrencyErrorDetails> {
  /** The events that nobody had reckoned with. @defaultValue `[]` */
  readonly conflictingEvents?: readonly RecordedEvent[];
}

/**
 * Somebody else recorded events of an aggregate in the meantime, or it is not at the version that was expected. Nothing
 * was stored. Load it again and decide again, or tell the person.
 */
export class ConcurrencyError extends ApplicationError<ConcurrencyErrorDetails> {
  static override readonly code: string = 'CONCURRENCY_ERROR';

  /**
   * What was recorded after the expected version, oldest first, at most 100. Empty when the aggregate is behind the
   * expected version, or as long as it was with other events, or it does not exist. Does not cross a boundary that clones errors; the details do.
   */
  readonly conflictingEvents: readonly RecordedEvent[];

  constructor(message: string, options: ConcurrencyErrorOptions = {}) {
    super(message, options);
    this.conflictingEvents = options.conflictingEvents ?? [];
  }

  /** The aggregate. */
  get aggregateId(): string {
    return this.details.aggregateId ?? '';
  }

  /** What it was expected to be. */
  get expected(): ExpectedVersion {
    return this.details.expected ?? 'any';
  }

  /** The version that it has: 0 when it has no events. */
  get actual(): number {
    return this.details.actual ?? 0;
  }
}

/** The application's `resolve` has not answered in time. `details` say about which unit. What it does from then on does not count. */
export class ResolverTimeoutError extends ApplicationError {
  static override readonly code: string = 'RESOLVER_TIMEOUT';
}

/** Every class above, for an error codec. */
export const APPLICATION_ERRORS: readonly EventSourcingErrorClass[] = [
  ApplicationError,
  AggregateNotFoundError,
  ApplicationTooOldError,
  CommandUnknownError,
  ConcurrencyError,
  ResolverTimeoutError,
] as readonly EventSourcingErrorClass[];
