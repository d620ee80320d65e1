/**
 * The interface by which validation libraries can be used without depending on any of them: Zod, Valibot, ArkType and
 * others implement it.
 *
 * Source: Standard Schema, version 1, https://standardschema.dev
 *
 * @module
 */
import { ValidationError } from './domain-errors.js';
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
  const result = answer instanceof Promise ? await answer : answer;
  if (result.issues !== undefined) throw new ValidationError(what, result.issues.map(toValidationIssue));
  return result.value;
}

function toValidationIssue({ message, path = [] }: StandardIssue): ValidationIssue {
  const keys = path.map((segment) => (typeof segment === 'object' ? segment.key : segment));
  return { message, path: keys.map(String).join('.') };
}
