import { type } from 'arktype';
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  DOMAIN_ERROR_CLASSES,
  DomainError,
  VALIDATION_ISSUES_MAX,
  ValidationError,
} from '../../src/domain/domain-errors.js';
import { decodeError, encodeError } from '../../src/domain/error-codec.js';
import { command, event } from '../../src/domain/message-types.js';
import { validated, validatedAtOnce } from '../../src/domain/standard-schema.js';
import type { StandardSchema } from '../../src/domain/standard-schema.js';

interface Parcel {
  name: string;
  lines: { sku: string; quantity: number }[];
}

// Asks a service, as far as the library can tell.
const isFree = async (name: string): Promise<boolean> => Promise.resolve(name !== 'taken');

const zodParcel = z.object({
  name: z.string().trim(),
  lines: z.array(z.object({ sku: z.string(), quantity: z.number().int().positive() })),
});
const valibotParcel = v.object({
  name: v.pipe(v.string(), v.trim()),
  lines: v.array(v.object({ sku: v.string(), quantity: v.pipe(v.number(), v.integer(), v.minValue(1)) })),
});
const arktypeParcel = type({
  name: 'string.trim',
  lines: type({ sku: 'string', quantity: 'number.integer > 0' }).array(),
});

const SCHEMAS: { library: string; schema: StandardSchema<unknown, Parcel>; definition: object }[] = [
  { library: 'Zod', schema: zodParcel, definition: event(zodParcel) },
  { library: 'Valibot', schema: valibotParcel, definition: event(valibotParcel) },
  { library: 'ArkType', schema: arktypeParcel, definition: event(arktypeParcel) },
];

const ASYNC_SCHEMAS: { library: string; schema: StandardSchema<unknown, { name: string }> }[] = [
  { library: 'Zod', schema: z.object({ name: z.string().refine(isFree, 'is taken') }) },
  { library: 'Valibot', schema: v.objectAsync({ name: v.pipeAsync(v.string(), v.checkAsync(isFree, 'is taken')) }) },
  { library: "ArkType, in a schema of one's own that waits", schema: waiting(type({ name: 'string' })) },
];

/** ArkType has no validation that waits; a schema around it has. */
function waiting(schema: StandardSchema<unknown, { name: string }>): StandardSchema<unknown, { name: string }> {
  const { validate } = schema['~standard'];
  return {
    '~standard': {
      version: 1,
      vendor: 'test',
      async validate(value) {
        const result = await validate(value);
        if (result.issues !== undefined || (await isFree(result.value.name))) return result;
        return { issues: [{ message: 'is taken', path: [{ key: 'name' }] }] };
      },
    },
  };
}

async function issuesOf(promise: Promise<unknown>): Promise<ValidationError> {
  const thrown: unknown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (thrown instanceof ValidationError) return thrown;
  throw new Error('expected a ValidationError', { cause: thrown });
}

describe.each(SCHEMAS)('a schema of $library', ({ schema, definition }) => {
  const good = { name: ' Ada ', lines: [{ sku: 'bolt', quantity: 2 }] };

  test('gives what it makes of the data', async () => {
    const made = { name: 'Ada', lines: [{ sku: 'bolt', quantity: 2 }] };
    expect(await validated(schema, good, 'the data')).toEqual(made);
    expect(validatedAtOnce(schema, good, 'the data')).toEqual(made);
  });

  test('says where each issue is', async () => {
    const bad = {
      name: 7,
      lines: [
        { sku: 'bolt', quantity: 2 },
        { sku: 'nut', quantity: 0 },
      ],
    };
    const error = await issuesOf(validated(schema, bad, 'the data of Parcel:Packed'));
    // ArkType finds them in another order.
    expect(error.issues.map(({ path }) => path).sort()).toEqual(['lines.1.quantity', 'name']);
    expect(error.issues.every(({ message }) => message.length > 0)).toBe(true);
    expect(error.message).toMatch(
      /^Not valid: the data of Parcel:Packed\. (name|lines\.1\.quantity): .+; (name|lines\.1\.quantity): /,
    );
    expect(error.details).toMatchObject({ what: 'the data of Parcel:Packed', issueCount: 2 });
    expect(() => validatedAtOnce(schema, bad, 'the data')).toThrow(ValidationError);
  });

  test('says that the value itself is wrong', async () => {
    const error = await issuesOf(validated(schema, null, 'the data'));
    expect(error.issues.map(({ path }) => path)).toEqual(['']);
  });

  test('stands in the definition of an event', () => {
    expect(definition).toMatchObject({ schema, versions: undefined, topic: undefined });
  });
});

describe.each(ASYNC_SCHEMAS)('a schema that waits, of $library', ({ schema }) => {
  test('is waited for', async () => {
    expect(await validated(schema, { name: 'free' }, 'the data')).toEqual({ name: 'free' });
    const error = await issuesOf(validated(schema, { name: 'taken' }, 'the data'));
    expect(error.issues).toEqual([{ path: 'name', message: 'is taken' }]);
  });

  test('is refused where there is no waiting', () => {
    const ask = (): unknown => validatedAtOnce(schema, { name: 'free' }, 'the data');
    // Zod refuses by itself.
    expect(ask).toThrow(schema === ASYNC_SCHEMAS[0]!.schema ? Error : DomainError);
  });
});

test('a definition takes its options beside the schema', () => {
  const upcasts = { 1: (data: object) => ({ ...data, lines: [] }) };
  expect(event(zodParcel, { version: 2, upcasts, isCommutative: true, topic: 'shop:Parcel.Packed' })).toEqual({
    schema: zodParcel,
    versions: { version: 2, upcasts },
    isCommutative: true,
    topic: 'shop:Parcel.Packed',
  });
  expect(command(arktypeParcel).schema).toBe(arktypeParcel);
  expect(command().schema).toBeUndefined();
});

describe('errors of the domain', () => {
  const issues = [
    { path: 'name', message: 'too short' },
    { path: '', message: 'unknown key' },
  ];

  test('a message names the first issues, and counts the others', () => {
    const many = ['a', 'b', 'c', 'd', 'e'].map((path) => ({ path, message: 'is missing' }));
    expect(ValidationError.of('the data', many).message).toBe(
      'Not valid: the data. a: is missing; b: is missing; c: is missing (and 2 more)',
    );
    expect(ValidationError.of('the data', issues).message).toBe('Not valid: the data. name: too short; unknown key');
  });

  test.each(DOMAIN_ERROR_CLASSES)('$code keeps message, details and cause where errors are cloned', (ErrorClass) => {
    const error = new ErrorClass('No.', { details: { what: 'the data' }, cause: new Error('below') });
    const revived = decodeError(structuredClone(encodeError(error)), DOMAIN_ERROR_CLASSES);
    expect(revived).toBeInstanceOf(ErrorClass);
    expect(revived).toMatchObject({ message: 'No.', code: ErrorClass.code, details: { what: 'the data' } });
    expect((revived.cause as Error).message).toBe('below');
  });

  test('the issues of a validation are revived with it', () => {
    const revived = decodeError(
      structuredClone(encodeError(ValidationError.of('the data', issues))),
      DOMAIN_ERROR_CLASSES,
    );
    expect(revived).toBeInstanceOf(ValidationError);
    expect(revived).toMatchObject({ issues });
  });

  test('more issues than an error carries are counted', () => {
    const many = Array.from({ length: VALIDATION_ISSUES_MAX + 5 }, (_, index) => ({
      path: String(index),
      message: 'no',
    }));
    const error = ValidationError.of('the data', many);
    expect(error.issues).toEqual(many);
    expect(decodeError(encodeError(error), DOMAIN_ERROR_CLASSES)).toMatchObject({
      issues: many.slice(0, VALIDATION_ISSUES_MAX),
      details: { issueCount: many.length },
    });
  });

  test.each(['not JSON', '{}', '[1, null, {"path": 1, "message": "no"}]'])(
    'issues that cannot be read are none: %s',
    (json) => {
      expect(new ValidationError('No.', { details: { issues: json } }).issues).toEqual([]);
    },
  );
});
