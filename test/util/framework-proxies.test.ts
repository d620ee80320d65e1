import { reactive, ref } from '@vue/reactivity';
import * as root from 'daybook';
import * as application from 'daybook/application';
import * as host from 'daybook/host';
import * as sync from 'daybook/sync';
import { expect, test } from 'vitest';

// Values: frozen, which frameworks leave as they are.
const FROZEN = ['DateTime', 'Decimal', 'UUID'];

const CLASSES = Object.entries({ ...root, ...application, ...host, ...sync }).flatMap(([name, value]) =>
  typeof value === 'function' && /^class\b/.test(String(value)) ? [{ name, Class: value }] : [],
);

/** Whether a class, or one that it extends, has private members: a proxy of its objects has not. */
function hasPrivate(Class: unknown): boolean {
  if (typeof Class !== 'function' || Class === Function.prototype) return false;
  return String(Class).includes('#') || hasPrivate(Object.getPrototypeOf(Class));
}

test('whatever has private members is left as it is by Vue, also deep inside of what it makes reactive', () => {
  const withPrivate = CLASSES.filter(({ Class }) => hasPrivate(Class));
  expect(withPrivate.length).toBeGreaterThan(10);
  const proxied = withPrivate.filter(({ name, Class }) => {
    const object = Object.create(Class.prototype) as object;
    return !FROZEN.includes(name) && reactive({ held: object }).held !== object;
  });
  expect(proxied.map(({ name }) => name)).toEqual([]);
});

test('an application, an event store and an observable work inside of a ref', async () => {
  const counter = application.defineDecider({
    name: 'Counter',
    events: { Counted: application.event<{ by: number }>() },
    commands: { Count: application.command<{ by: number }>() },
    initialState: () => 0,
    decide: { Count: ({ data }) => ({ type: 'Counted', data }) },
    evolve: { Counted: (state, { data }) => state + data.by },
  });
  const recorder = new root.MemoryProcessRecorder();
  const held = ref({
    app: new application.Application({ recorder, aggregates: [counter] }),
    status: new root.ObservableValue('starting'),
    id: root.UUID.random(),
  });
  const { state } = await held.value.app.execute(counter, String(held.value.id), { type: 'Count', data: { by: 2 } });
  expect(state).toBe(2);
  held.value.status.set('idle');
  expect(held.value.status.value).toBe('idle');
});
