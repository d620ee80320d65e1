/**
 * The root of Daybook's error family.
 *
 * One file per layer holds that layer's errors; each class has a stable `code`, structured `details`
 * that survive the worker boundary and the wire, and keeps its `cause`.
 *
 * @module
 */

/** What an error carries beside its message: plain, cloneable data, never live objects. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Options of every Daybook error. */
export interface EventSourcingErrorOptions<D extends ErrorDetails = ErrorDetails> {
  /** The error below this one: what a driver, the browser or the network threw. */
  readonly cause?: unknown;
  /** Structured fields, for example the aggregate and version that a conflict is about. */
  readonly details?: D;
}

// Shared by every copy of the library that a page loads, so that `isEventSourcingError` works across bundles.
const BRAND: unique symbol = Symbol.for('daybook.error') as never;

/**
 * Base class of every error that Daybook throws on purpose.
 *
 * The `name` of an error is made of its class's code, so it is the same in a minified build. A class of your own that has
 * no code of its own is called what your build calls it.
 *
 * @example
 * ```ts
 * try {
 *   await recorder.insertEvents(events);
 * } catch (error) {
 *   if (isEventSourcingError(error) && error.code === 'INTEGRITY_ERROR') showConflict(error.details);
 *   else throw error;
 * }
 * ```
 */
export class EventSourcingError<D extends ErrorDetails = ErrorDetails> extends Error {
  /** Stable, unlike the message: branch on this. The same for every instance of a class. */
  static readonly code: string = 'EVENT_SOURCING_ERROR';

  /** The code of this error's class. */
  readonly code: string;
  /** Structured fields; empty when there are none. */
  readonly details: D;

  constructor(message: string, options: EventSourcingErrorOptions<D> = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = Object.hasOwn(new.target, 'code') ? errorName(new.target.code) : new.target.name;
    this.code = new.target.code;
    this.details = options.details ?? ({} as D);
    brandError(this);
  }
}

/**
 * What an error of a class with this code is called: `STORE_CLOSED` gives `StoreClosedError`. Not the name of the class,
 * of which a minifier makes a letter or two; and not a second literal in each class, which could contradict the first.
 */
export function errorName(code: string): string {
  const words = code.toLowerCase().replace(/(?:^|_)(.)/g, (_, first: string) => first.toUpperCase());
  return words.replace(/(?:Error)?$/, 'Error');
}

/** Marks an error as Daybook's, for the rare one that must extend a built-in class instead of {@link EventSourcingError}. */
export function brandError(error: Error): void {
  Object.defineProperty(error, BRAND, { value: true });
}

/**
 * Whether a value is a Daybook error, whichever copy of the library made it.
 *
 * @param value - anything that was caught
 */
export function isEventSourcingError(value: unknown): value is EventSourcingError {
  return typeof value === 'object' && value !== null && (value as { [BRAND]?: boolean })[BRAND] === true;
}

/** A Daybook error class, as the error codec needs it. */
export interface EventSourcingErrorClass {
  readonly code: string;
  new (message: string, options?: EventSourcingErrorOptions): EventSourcingError;
}
