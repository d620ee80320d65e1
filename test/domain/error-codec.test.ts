import { describe, expect, test } from 'vitest';
import { decodeError, encodeError } from '../../src/domain/error-codec.js';
import { EventSourcingError, isEventSourcingError } from '../../src/domain/errors.js';
import {
  IntegrityError,
  OperationalError,
  PERSISTENCE_ERRORS,
  PersistenceError,
} from '../../src/persistence/errors.js';

const roundTrip = (thrown: unknown): Error =>
  decodeError(JSON.parse(JSON.stringify(encodeError(thrown))), PERSISTENCE_ERRORS);

describe('errors across a boundary', () => {
  test.each(PERSISTENCE_ERRORS.map((ErrorClass) => [ErrorClass.code, ErrorClass] as const))(
    '%s stays the same class, with message, details, cause and stack',
    (code, ErrorClass) => {
      const sent = new ErrorClass('what happened', { details: { position: 7 }, cause: new TypeError('below') });
      const received = roundTrip(sent);
      expect(received).toBeInstanceOf(ErrorClass);
      expect(received).toMatchObject({ code, name: sent.name, message: 'what happened', details: { position: 7 } });
      expect(received.stack).toBe(sent.stack);
      expect(received.cause).toMatchObject({ name: 'TypeError', message: 'below' });
    },
  );

  test('each class has a code of its own', () => {
    const codes = PERSISTENCE_ERRORS.map(({ code }) => code);
    expect(new Set(codes).size).toBe(codes.length);
  });

  test('causes that are ours stay ours, at any depth', () => {
    const inner = new IntegrityError('taken', { details: { constraint: 'event' } });
    const received = roundTrip(new OperationalError('outer', { cause: new Error('middle', { cause: inner }) }));
    const deepest = (received.cause as Error).cause;
    expect(deepest).toBeInstanceOf(IntegrityError);
    expect((deepest as IntegrityError).details.constraint).toBe('event');
  });

  test('a loop of causes ends', () => {
    const error = new Error('loop');
    error.cause = error;
    expect(roundTrip(error).message).toBe('loop');
  });

  test('a code that this version does not know is kept', () => {
    const received = decodeError({ name: 'NewError', message: 'm', code: 'FROM_THE_FUTURE' }, PERSISTENCE_ERRORS);
    expect(received).toBeInstanceOf(EventSourcingError);
    expect(received).toMatchObject({ code: 'FROM_THE_FUTURE', name: 'NewError' });
  });

  test.each([['a text'], [undefined], [null], [Object.create(null)], [Symbol('s')]])(
    'whatever was thrown arrives as an error',
    (thrown) => {
      expect(roundTrip(thrown)).toBeInstanceOf(Error);
    },
  );

  test('no stack leaves when none is asked for', () => {
    const data = encodeError(new PersistenceError('m', { cause: new Error('below') }), { stack: false });
    expect(JSON.stringify(data)).not.toContain('stack');
  });

  test('the brand works across copies of the library', () => {
    const foreign = Object.assign(new Error('m'), { [Symbol.for('daybook.error')]: true });
    expect(isEventSourcingError(foreign)).toBe(true);
    expect(isEventSourcingError(new Error('m'))).toBe(false);
    expect(isEventSourcingError(null)).toBe(false);
  });
});
