import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { Aggregate } from '../../src/domain/aggregate.js';
import { defineDecider } from '../../src/domain/decider.js';
import { CommandError, EventHandlerError, ValidationError } from '../../src/domain/domain-errors.js';
import { command, event } from '../../src/domain/message-types.js';
import { UUID } from '../../src/domain/uuid.js';
import { aggregateSpecification } from '../../src/testing/specifications/aggregate-specification.js';
import { deciderSpecification } from '../../src/testing/specifications/decider-specification.js';
import { sequentialIds } from '../../src/testing/sequential-ids.js';
import { SpecificationError } from '../../src/testing/specifications/specification-error.js';
import { firstDifference } from '../../src/util/value-difference.js';

interface Order {
  readonly lines: readonly string[];
  readonly isPaid: boolean;
}

let paymentsAsked = 0;

const order = defineDecider({
  name: 'Order',
  events: {
    LineAdded: event<{ sku: string }>(),
    Paid: event(z.object({ cents: z.number().int() })),
  },
  commands: {
    AddLine: command(z.object({ sku: z.string().trim().min(1) })),
    Pay: command<{ cents: number }>(),
    Muddle: command(),
    Roll: command(),
  },
  initialState: (): Order => ({ lines: [], isPaid: false }),
  decide: {
    AddLine: ({ data }) => ({ type: 'LineAdded', data }),
    Pay({ data }, { isPaid, lines }) {
      if (isPaid) throw new CommandError('The order is paid.', { details: { lines: lines.length } });
      return data.cents === 0 ? [] : { type: 'Paid', data };
    },
    Muddle(_command, state) {
      (state.lines as string[]).push('bolt');
      return [];
    },
    Roll() {
      paymentsAsked += 1;
      return { type: 'Paid', data: { cents: paymentsAsked } };
    },
  },
  evolve: {
    LineAdded: (state, { data }) => ({ ...state, lines: [...state.lines, data.sku] }),
    Paid: (state) => ({ ...state, isPaid: true }),
  },
});

const bolt = { type: 'LineAdded', data: { sku: 'bolt' } } as const;
const nut = { type: 'LineAdded', data: { sku: 'nut' } } as const;
const paid = { type: 'Paid', data: { cents: 5 } } as const;
const pay = { type: 'Pay', data: { cents: 5 } } as const;

function failure(specify: () => unknown): SpecificationError {
  try {
    specify();
  } catch (thrown) {
    if (thrown instanceof SpecificationError) return thrown;
    throw thrown;
  }
  throw new Error('the specification holds');
}

describe('a specification of a decider', () => {
  const specification = deciderSpecification(order);

  test('holds for what the decider does', () => {
    specification
      .given([])
      .when({ type: 'AddLine', data: { sku: 'bolt' } })
      .then([bolt]);
    specification
      .given([bolt])
      .when(pay)
      .then([paid])
      .thenState({ lines: ['bolt'], isPaid: true });
    specification
      .given([bolt])
      .when({ type: 'Pay', data: { cents: 0 } })
      .thenNothing()
      .thenState({ lines: ['bolt'], isPaid: false });
    specification.given([bolt, nut]).thenState({ lines: ['bolt', 'nut'], isPaid: false });
    specification
      .given([bolt])
      .when(pay)
      .thenState({ lines: ['bolt'], isPaid: true });
  });

  test('takes data as the schema of a command makes it', () => {
    specification
      .given([])
      .when({ type: 'AddLine', data: { sku: ' bolt ' } })
      .then([bolt]);
    specification
      .given([])
      .when({ type: 'AddLine', data: { sku: ' ' } })
      .thenThrows(ValidationError);
    specification
      .given([])
      .when({ type: 'Pay', data: { cents: 0.5 } })
      .thenThrows(/Order:Paid\. cents: /);
  });

  test.each([
    ['any', undefined],
    ['a class', CommandError],
    ['a pattern', /is paid/],
    ['a code', { code: 'COMMAND_ERROR' }],
    ['a part of the message', { message: 'is paid' }],
    ['details', { details: { lines: 1 } }],
    ['several', { code: 'COMMAND_ERROR', message: /paid\.$/, details: {} }],
  ])('expects an error by %s', (_how, expected) => {
    specification
      .given([bolt, paid])
      .when(pay)
      .thenThrows(expected)
      .thenState({ lines: ['bolt'], isPaid: true });
  });

  test.each([
    ['of another class', ValidationError, 'expected an error of ValidationError'],
    ['with another message', /not enough/, 'expected an error whose message fits /not enough/'],
    ['with another code', { code: 'NO' }, 'expected an error with the code NO'],
    ['with other details', { details: { lines: 2 } }, 'expected an error whose details have lines 2'],
  ])('fails for an error %s', (_what, expected, words) => {
    const error = failure(() => specification.given([bolt, paid]).when(pay).thenThrows(expected));
    expect(error.message).toBe(
      `Order, given 2 events, when Pay {"cents":5}: ${words}, got CommandError: The order is paid..`,
    );
    expect(error.cause).toBeInstanceOf(CommandError);
  });

  test('fails in words that say what was expected, what came, and where they differ', () => {
    expect(
      failure(() =>
        specification
          .given([bolt])
          .when(pay)
          .then([{ ...paid, data: { cents: 6 } }]),
      ).message,
    ).toBe(
      [
        'Order, given 1 event, when Pay {"cents":5}:',
        'expected 1 event:',
        '  Paid {"cents":6}',
        'got 1 event:',
        '  Paid {"cents":5}',
        'They differ at 0.data.cents: expected 6, got 5.',
      ].join('\n'),
    );
    expect(failure(() => specification.given([bolt]).when(pay).thenNothing()).message).toContain(
      'expected no events\ngot 1 event:\n  Paid {"cents":5}',
    );
    expect(failure(() => specification.given([bolt]).when(pay).then([paid, bolt]))).toMatchObject({
      actual: [paid],
      expected: [paid, bolt],
    });
    expect(failure(() => specification.given([bolt, paid]).when(pay).then([paid])).message).toBe(
      'Order, given 2 events, when Pay {"cents":5}:\nexpected 1 event:\n  Paid {"cents":5}\n' +
        'but it threw CommandError: The order is paid.',
    );
    expect(failure(() => specification.given([bolt]).when(pay).thenThrows()).message).toContain(
      'expected an error, got 1 event:\n  Paid {"cents":5}',
    );
    expect(failure(() => specification.given([bolt]).thenState({ lines: ['nut'], isPaid: false })).message).toBe(
      'Order, given 1 event: expected the state {"lines":["nut"],"isPaid":false}, got {"lines":["bolt"],"isPaid":false}.' +
        ' It differs at lines.0: expected "nut", got "bolt".',
    );
    expect(
      failure(() => specification.given([bolt, paid]).when(pay).thenState({ lines: [], isPaid: true })),
    ).toBeDefined();
  });

  test('finds out a decider that changes the state', () => {
    specification.given([bolt]).when({ type: 'Muddle', data: {} }).thenThrows(TypeError);
  });

  test('finds out a decider that decides otherwise when it is asked again', () => {
    expect(failure(() => specification.given([bolt]).when({ type: 'Roll', data: {} })).message).toContain(
      'asked again, it must decide the same',
    );
  });

  test('is given events that the decider knows', () => {
    expect(() => specification.given([{ type: 'Lost' as 'Paid', data: { cents: 1 } }])).toThrow(EventHandlerError);
  });
});

class Basket extends Aggregate.of('Basket', {
  Put: event<{ item: string; ownerId?: UUID }>(),
  Closed: event(z.object({ items: z.number().int() })),
}) {
  readonly items: string[] = [];
  isClosed = false;
  looks = 0;

  static open(id: string, item: string): Basket {
    const basket = new Basket(id);
    basket.put(item);
    return basket;
  }

  put(item: string): void {
    if (this.isClosed) throw new CommandError('The basket is closed.');
    this.apply('Put', { item });
  }

  close(items: number = this.items.length): void {
    if (!this.isClosed) this.apply('Closed', { items });
  }

  // Against the rules: a field changes that no event tells of.
  look(): void {
    this.looks += 1;
  }

  // Against the rules: a command waits.
  async wait(): Promise<void> {
    await Promise.reject(new Error('nobody hears of it'));
  }

  onPut({ item }: { item: string }): void {
    this.items.push(item);
  }

  onClosed(): void {
    this.isClosed = true;
  }
}

describe('a specification of an aggregate', () => {
  const specification = aggregateSpecification(Basket);
  const apple = { type: 'Put', data: { item: 'apple' } } as const;
  const pear = { type: 'Put', data: { item: 'pear' } } as const;
  const closed = { type: 'Closed', data: { items: 1 } } as const;

  test('holds for what the aggregate does', () => {
    specification
      .given([apple])
      .when((basket) => basket.put('pear'))
      .then([pear])
      .thenState({ items: ['apple', 'pear'], isClosed: false, looks: 0 });
    specification
      .given([apple, closed])
      .when((basket) => basket.close())
      .thenNothing();
    specification
      .given([apple, closed])
      .when((basket) => basket.put('pear'))
      .thenThrows(CommandError)
      .thenState({ items: ['apple'], isClosed: true, looks: 0 });
    specification.given([apple]).thenState({ items: ['apple'], isClosed: false, looks: 0 });
    specification.whenCreated(() => Basket.open(sequentialIds()(), 'apple')).then([apple]);
    specification.whenCreated(() => new Basket(sequentialIds()())).thenNothing();
  });

  test('fails in words that say what differs', () => {
    expect(
      failure(() =>
        specification
          .given([apple])
          .when((basket) => basket.put('fig'))
          .then([pear]),
      ).message,
    ).toBe(
      [
        'Basket, given 1 event, when a command is called:',
        'expected 1 event:',
        '  Put {"item":"pear"}',
        'got 1 event:',
        '  Put {"item":"fig"}',
        'They differ at 0.data.item: expected "pear", got "fig".',
      ].join('\n'),
    );
    expect(failure(() => specification.whenCreated(() => Basket.open('1', 'fig')).then([pear])).message).toContain(
      'Basket, when it is created:',
    );
  });

  test('validates what was applied', () => {
    specification
      .given([])
      .when((basket) => basket.close(0.5))
      .thenThrows({ code: 'VALIDATION_ERROR' });
    specification.whenCreated(() => Basket.open('1', 'fig')).thenState({ items: ['fig'], isClosed: false, looks: 0 });
  });

  test('finds out a field that changes other than by an event', () => {
    expect(failure(() => specification.given([apple]).when((basket) => basket.look())).message).toContain(
      'It differs at looks: expected 0, got 1.',
    );
  });

  test('finds out a command that waits', () => {
    const wait = (basket: Basket): unknown => basket.wait();
    expect(failure(() => specification.given([apple]).when(wait)).message).toContain('gives a promise');
  });

  test('finds out an event without a handler', () => {
    specification
      .given([])
      .when((basket) => basket.apply('Lost' as 'Closed', { items: 1 }))
      .thenThrows(EventHandlerError);
  });
});

describe('the first difference', () => {
  const owner = UUID.random();

  test.each([
    ['values', 1, 2, ''],
    ['a missing key', { a: 1 }, { a: 1, b: 2 }, 'b'],
    ['one key too many', { a: 1, b: 2 }, { a: 1 }, 'b'],
    ['something in a list', { a: [1, { b: 2 }] }, { a: [1, { b: 3 }] }, 'a.1.b'],
    ['the length of a list', [1], [1, undefined], 'length'],
    ['UUIDs', { owner }, { owner: UUID.random() }, 'owner'],
    ['dates', { at: new Date(1) }, { at: new Date(2) }, 'at.time'],
    ['bytes', Uint8Array.of(1, 2), Uint8Array.of(1, 3), '1'],
    ['maps', new Map([['a', 1]]), new Map([['a', 2]]), 'a'],
    ['sets', new Set([1]), new Set([2]), '0'],
    ['classes', new Date(1), { time: 1 }, ''],
    ['nothing and an object', null, {}, ''],
  ])('of %s', (_what, actual, expected, path) => {
    expect(firstDifference(actual, expected)).toMatchObject({ path });
  });

  test.each([
    ['keys without a value', { a: 1, b: undefined }, { a: 1 }],
    ['UUIDs', { owner }, { owner: UUID.parse(owner.hex) }],
    ['not a number', Number.NaN, Number.NaN],
    ['bytes', Uint8Array.of(1, 2), Uint8Array.of(1, 2)],
    ['maps', new Map([['a', [1]]]), new Map([['a', [1]]])],
  ])('is none between the same %s', (_what, actual, expected) => {
    expect(firstDifference(actual, expected)).toBeUndefined();
  });
});

test('sequential ids are UUIDs that sort as they were made, another series for another source', () => {
  const [nextId, nextOther] = [sequentialIds(), sequentialIds(7)];
  const ids = Array.from({ length: 20 }, () => nextId());
  expect(ids[0]).toBe('00000000-0000-7000-8000-000000000001');
  expect(ids.map((id) => String(UUID.parse(id)))).toEqual(ids);
  expect([...ids].sort()).toEqual(ids);
  expect(nextOther()).toBe('00000007-0000-7000-8000-000000000001');
});
