import { expect, test } from 'vitest';
import { UUID } from '../../../src/domain/uuid.js';
import { reviveUuidFields } from '../../../src/persistence/mapping/uuid-fields.js';

const text = 'b2723fe2-c01a-40d2-875e-a3aac6a09ff5';
const uuid = UUID.parse(text);
const data = { id: text, customer_id: text, orderId: text, order_id: 'A-17', paid: text, lines: [{ item_id: text }] };

test('nothing is taken for a UUID unless asked for', () => {
  expect(reviveUuidFields(data, {})).toEqual(data);
});

test('by name, at any depth, and only what is a UUID', () => {
  expect(reviveUuidFields(data, { auto: true })).toEqual({
    ...data,
    customer_id: uuid,
    orderId: uuid,
    lines: [{ item_id: uuid }],
  });
});

test('more and fewer fields, by choice', () => {
  expect(reviveUuidFields(data, { auto: true, include: ['paid', 'id'], exclude: ['orderId', 'item_id'] })).toEqual({
    ...data,
    id: uuid,
    paid: uuid,
    customer_id: uuid,
  });
  expect(reviveUuidFields(data, { include: ['id'] })).toEqual({ ...data, id: uuid });
});

test('values that are no plain data stay as they are', () => {
  const at = new Date(0);
  expect(reviveUuidFields({ at, list: [1, null] }, { auto: true })).toEqual({ at, list: [1, null] });
  expect(reviveUuidFields(text, { auto: true })).toBe(text);
});
