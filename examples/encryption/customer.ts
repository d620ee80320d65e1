import { command, defineDecider, event, sqlProjection } from 'daybook/application';

interface Registered {
  readonly customerId: string;
  readonly name: string;
  readonly city: string;
}

const personal = { name: { subject: 'customerId', forgotten: '(forgotten)' } } as const;

export const customer = defineDecider({
  name: 'Customer',
  events: { Registered: event<Registered>({ personal }) },
  commands: { Register: command<Registered>({ personal }) },
  initialState: () => ({ name: '', city: '' }),
  decide: { Register: ({ data }) => ({ type: 'Registered', data }) },
  evolve: { Registered: (_state, { data }) => ({ name: data.name, city: data.city }) },
});

export const customerList = sqlProjection({
  name: 'customer-list',
  from: [customer],
  tables: {
    customer_list: (table) => `CREATE TABLE ${table} (customer_id TEXT PRIMARY KEY, name TEXT NOT NULL)`,
  },
  on: {
    Registered: async ({ data }, { query, tables }) => {
      await query(
        `INSERT INTO ${tables.customer_list} (customer_id, name) VALUES ($1, $2)
         ON CONFLICT (customer_id) DO UPDATE SET name = excluded.name`,
        [data.customerId, data.name],
      );
    },
  },
});
