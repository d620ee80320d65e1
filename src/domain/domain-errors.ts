/**
 * Errors of the domain layer.
 *
 * ```text
 * EventSourcingError
 * └─ DomainError
 *    ├─ ValidationError     the data of a command or an event is not what its schema says
 *    ├─ EventHandlerError   an event that an aggregate cannot take: no handler, or not of this aggregate
 *    └─ CommandError        a decision against a command: a rule of the domain says no
 * ```
 *
 * @module
 */
import { EventSourcingError } from './errors.js';
import type { ErrorDetails, EventSourcingErrorClass } from './errors.js';

/** Base of all errors about the domain. */
export class DomainError<D extends ErrorDetails = ErrorDetails> extends EventSourcingError<D> {
  static override readonly code: string = 'DOMAIN_ERROR';
}

/** One thing that is wrong with a value. */
export interface ValidationIssue {
  readonly message: string;
  /** Where, with dots between the keys; empty for the value itself. */
  readonly path: string;
}

// Enough to see what is wrong; a message is no report.
const ISSUES_IN_MESSAGE_MAX = 3;

/** The data of a command or an event is not what its schema says. Nothing was stored. */
export class ValidationError extends DomainError {
  static override readonly code: string = 'VALIDATION_ERROR';

  /** Everything that is wrong, in the order in which the schema found it. Does not cross the worker's boundary; the message does. */
  readonly issues: readonly ValidationIssue[];

  /** @param what - what was validated */
  constructor(what: string, issues: readonly ValidationIssue[]) {
    const named = issues
      .slice(0, ISSUES_IN_MESSAGE_MAX)
      .map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
    const more = issues.length > named.length ? ` (and ${issues.length - named.length} more)` : '';
    super(`Not valid: ${what}. ${named.join('; ')}${more}`, { details: { what, issues: issues.length } });
    this.issues = issues;
  }
}

/** An event that an aggregate cannot take: there is no handler for it, or it is not of this aggregate. Nothing was changed. */
export class EventHandlerError extends DomainError {
  static override readonly code: string = 'EVENT_HANDLER_ERROR';
}

/** A rule of the domain says no to a command. Thrown by the application's own `decide`; nothing was stored. */
export class CommandError extends DomainError {
  static override readonly code: string = 'COMMAND_ERROR';
}

/** The classes above that can be made of a message and details, for the error codec. */
export const DOMAIN_ERROR_CLASSES: readonly EventSourcingErrorClass[] = [DomainError, EventHandlerError, CommandError];
