/**
 * States to test stores of them with.
 *
 * @module
 */
import type { StandardIssue, StandardSchema } from '../../domain/standard-schema.js';
import { newOriginatorId } from './event-samples.js';
import { defineState } from '../../states/state.js';
import type { State } from '../../states/state.js';

/** A thing in stock. */
export interface Thing {
  readonly name: string;
  readonly quantity: number | null;
  readonly isActive: boolean;
  readonly tags?: readonly string[] | undefined;
  readonly "odd 'key'"?: string | undefined;
}

/** What {@link thingSchema} makes a {@link Thing} of: what is left out has a default. */
export const thingSchema: StandardSchema<unknown, Thing> = {
  '~standard': {
    version: 1,
    vendor: 'daybook',
    validate(value) {
      const given = (value ?? {}) as Partial<Record<keyof Thing, unknown>>;
      const { name, quantity = 0, isActive = true } = given;
      const issues: StandardIssue[] = [];
      if (typeof name !== 'string') issues.push({ message: 'A text is needed.', path: ['name'] });
      if (quantity !== null && typeof quantity !== 'number')
        issues.push({ message: 'A number is needed.', path: ['quantity'] });
      if (typeof isActive !== 'boolean') issues.push({ message: 'A boolean is needed.', path: [{ key: 'isActive' }] });
      return issues.length > 0 ? { issues } : { value: { ...given, quantity, isActive } as Thing };
    },
  },
};

/** A name that no state has. */
export function newStateName(): string {
  return `s${newOriginatorId().replaceAll('-', '').slice(0, 20)}`;
}

/** A state of things, of a name of its own. */
export function thingState(
  indexes: readonly ('name' | 'quantity' | 'isActive' | readonly ('name' | 'quantity' | 'isActive')[])[] = [],
): State<Thing> {
  return defineState({ name: newStateName(), schema: thingSchema, indexes });
}
