/** A history whose view has values that engines and drivers have in forms of their own, and the hash of that. */
import { command, defineDecider, event, sqlProjection } from 'daybook/application';
import type { SqlProjection } from 'daybook/application';

interface Weight {
  readonly grams: number;
  readonly label: string;
}

export const parcel = defineDecider({
  name: 'Parcel',
  events: { Weighed: event<Weight>() },
  commands: { Weigh: command<Weight>() },
  initialState: () => ({ grams: 0 }),
  decide: { Weigh: ({ data }) => ({ type: 'Weighed', data }) },
  evolve: { Weighed: (_state, { data }) => ({ grams: data.grams }) },
});

/** @param bytes - what the type of bytes is called */
export const weightsOf = (bytes: string): SqlProjection<'weights'> =>
  sqlProjection({
    name: 'weights',
    from: [parcel],
    tables: {
      weights: (table) =>
        `CREATE TABLE ${table} (id TEXT PRIMARY KEY, grams DOUBLE PRECISION NOT NULL, label TEXT, seal ${bytes}, huge BIGINT)`,
    },
    on: {
      Weighed: async ({ originatorId, data: { grams, label } }, { query, tables }) => {
        await query(
          `INSERT INTO ${tables.weights} VALUES ($1, $2, $3, $4, $5)
          ON CONFLICT (id) DO UPDATE SET grams = excluded.grams, label = excluded.label`,
          [originatorId, grams, label, new TextEncoder().encode(label), '9007199254740993'],
        );
      },
    },
  });

export const PARCELS = ['5d0b0ab2-6a8e-4c6a-8a37-7f2b9f3c1f01', '0c1d2e3f-4a5b-4c6d-8e7f-901234567890'] as const;

/** In the browser, on SQLite and on PostgreSQL. */
export const WEIGHTS_HASH = '692296f497eafcf48d4b3c3ef009c1704c67408ef68dda1301836a48d7c8f668';
