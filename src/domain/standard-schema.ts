/**
 * The interface by which validation libraries can be used without depending on any of them: Zod, Valibot, ArkType and
 * others implement it.
 *
 * Source: Standard Schema, version 1, https://standardschema.dev
 *
 * @module
 */
import { DomainError, ValidationError } from './domain-errors.js';
import type { ValidationIssue } from './domain-errors.js';

/** A schema of any library that implements Standard Schema. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    /** The library. */
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** What a validation comes to: a value, or issues. */
export type StandardResult<Output> =
  { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly StandardIssue[] };

/** What is wrong, and where. */
export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What a schema makes of a value. */
export type SchemaOutput<Schema extends StandardSchema> = NonNullable<Schema['~standard']['types']>['output'];

/**
 * Validates a value.
 *
 * @param what - what the value is, for the error's message: `the data of Order:OrderPlaced`
 * @returns what the schema made of it
 * @throws ValidationError (`VALIDATION_ERROR`) with every issue
 */
export async function validated<Output>(
  schema: StandardSchema<unknown, Output>,
  value: unknown,
  what: string,
): Promise<Output> {
  // Most schemas answer at once, and are not waited for.
  const answer = schema['~standard'].validate(value);
  return outputOf(answer instanceof Promise ? await answer : answer, what);
}

/**
 * Validates a value by a schema that answers at once.
 *
 * @param what - what the value is, for the error's message
 * @throws ValidationError (`VALIDATION_ERROR`) with every issue
 * @throws DomainError (`DOMAIN_ERROR`) when the schema answers later
 */
export function validatedAtOnce<Output>(schema: StandardSchema<unknown, Output>, value: unknown, what: string): Output {
  const answer = schema['~standard'].validate(value);
  if (!(answer instanceof Promise)) return outputOf(answer, what);
  // Nobody will hear of what comes of it.
  answer.catch(() => undefined);
  throw new DomainError(`The schema of ${what} answers later, and is asked where there is no waiting for it.`);
}

function outputOf<Output>(result: StandardResult<Output>, what: string): Output {
  if (result.issues !== undefined) throw ValidationError.of(what, result.issues.map(toValidationIssue));
  return result.value;
}

function toValidationIssue({ message, path = [] }: StandardIssue): ValidationIssue {
  // Not `path.map`: a path of ArkType is an array of a class of its own, and `map` of an empty one gives one that is not.
  const keys = Array.from(path, (segment) => String(typeof segment === 'object' ? segment.key : segment));
  return { message, path: keys.join('.') };
}
