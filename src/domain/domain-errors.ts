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
import type { ErrorDetails, EventSourcingErrorClass, EventSourcingErrorOptions } from './errors.js';

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

/** Details of a {@link ValidationError}. */
export interface ValidationErrorDetails extends Readonly<Record<string, string | number | undefined>> {
  /** What was validated. */
  readonly what?: string;
  /** How many issues there were. */
  readonly issueCount?: number;
  /** The first {@link VALIDATION_ISSUES_MAX} issues, as JSON: in this form they cross what clones errors. */
  readonly issues?: string;
}

/** Options of {@link ValidationError}. */
export interface ValidationErrorOptions extends EventSourcingErrorOptions<ValidationErrorDetails> {
  /** Everything that is wrong, in the order in which the schema found it. @defaultValue what the details hold */
  readonly issues?: readonly ValidationIssue[];
}

/** So many issues are kept in an error's details: a form with more is not mended by reading them all. */
export const VALIDATION_ISSUES_MAX = 100;

// Enough to see what is wrong; a message is no report.
const ISSUES_IN_MESSAGE_MAX = 3;

/** The data of a command or an event is not what its schema says. Nothing was stored. */
export class ValidationError extends DomainError<ValidationErrorDetails> {
  static override readonly code: string = 'VALIDATION_ERROR';

  /** What is wrong, in the order in which the schema found it. */
  readonly issues: readonly ValidationIssue[];

  constructor(message: string, options: ValidationErrorOptions = {}) {
    super(message, options);
    this.issues = options.issues ?? issuesFromJson(this.details.issues);
  }

  /** @param what - what was validated: `the data of Order:OrderPlaced` */
  static of(what: string, issues: readonly ValidationIssue[]): ValidationError {
    const named = issues
      .slice(0, ISSUES_IN_MESSAGE_MAX)
      .map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
    const more = issues.length > named.length ? ` (and ${issues.length - named.length} more)` : '';
    return new ValidationError(`Not valid: ${what}. ${named.join('; ')}${more}`, {
      issues,
      details: {
        what,
        issueCount: issues.length,
        issues: JSON.stringify(issues.slice(0, VALIDATION_ISSUES_MAX)),
      },
    });
  }
}

/** Details may come from another version of this library: what cannot be read is no reason to lose the error. */
function issuesFromJson(json: string | undefined): readonly ValidationIssue[] {
  if (json === undefined) return [];
  try {
    const issues: unknown = JSON.parse(json);
    return Array.isArray(issues) ? issues.filter(isValidationIssue) : [];
  } catch {
    return [];
  }
}

function isValidationIssue(value: unknown): value is ValidationIssue {
  if (typeof value !== 'object' || value === null) return false;
  const { message, path } = value as Partial<Record<keyof ValidationIssue, unknown>>;
  return typeof message === 'string' && typeof path === 'string';
}

/** An event that an aggregate cannot take: there is no handler for it, or it is not of this aggregate. Nothing was changed. */
export class EventHandlerError extends DomainError {
  static override readonly code: string = 'EVENT_HANDLER_ERROR';
}

/** A rule of the domain says no to a command. Thrown by the application's own `decide`; nothing was stored. */
export class CommandError extends DomainError {
  static override readonly code: string = 'COMMAND_ERROR';
}

/** Every class above, for the error codec. No error of the domain is thrown in the worker, so its client revives none. */
export const DOMAIN_ERROR_CLASSES: readonly EventSourcingErrorClass[] = [
  DomainError,
  ValidationError,
  EventHandlerError,
  CommandError,
] as readonly EventSourcingErrorClass[];
