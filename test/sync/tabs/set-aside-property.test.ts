/**
 * What was set aside, against a simple model of it: nothing leaves the list that nobody has told to, what stands on a unit is
 * there with it and says so, nothing is both in the list and in the log; in either tab, whatever others record, and whichever
 * write to the journal fails, or is carried out and not answered.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Application } from '../../../src/application/application.js';
import type { SetAsideUnits } from '../../../src/application/commands/set-aside-units.js';
import { defineDecider } from '../../../src/domain/decider.js';
import { AggregateNotFoundError } from '../../../src/application/aggregates/application-errors.js';
import { CommandError } from '../../../src/domain/domain-errors.js';
import { command, event } from '../../../src/domain/message-types.js';
import { retriedUnitId } from '../../../src/persistence/derived-unit-id.js';
import type { UnitId } from '../../../src/persistence/unit.js';
import { MemoryUnitLog } from '../../../src/server/log/memory-unit-log.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { openTab } from '../../support/own-tables-tab.js';
import type { OwnTablesTab } from '../../support/own-tables-tab.js';
import { SharedJournal } from '../../support/shared-journal.js';

const ALL = { eventsMax: 1_000, bytesMax: 1e9 };
const NO = { code: 'STAFF_ONLY', message: 'Only staff may write that.' };

type Type = 'Receive' | 'Reserve';

const stock = defineDecider({
  name: 'Stock',
  events: { Received: event<{ quantity: number }>(), Reserved: event<{ quantity: number }>() },
  commands: { Receive: command<{ quantity: number }>(), Reserve: command<{ quantity: number }>() },
  initialState: () => ({ free: 0 }),
  decide: {
    Receive: ({ data }) => ({ type: 'Received', data }),
    Reserve: ({ data }, { free }) => {
      if (data.quantity > free) throw new CommandError(`Only ${free} are there.`);
      return { type: 'Reserved', data };
    },
  },
  evolve: {
    Received: ({ free }, { data }) => ({ free: free + data.quantity }),
    Reserved: ({ free }, { data }) => ({ free: free - data.quantity }),
  },
});

interface Unit {
  readonly id: UnitId;
  readonly aggregate: number;
  readonly type: Type;
  readonly quantity: number;
  /** Whether it says how to decide it. */
  readonly hasCommand: boolean;
}

interface ListedUnit extends Unit {
  readonly isRefused: boolean;
  /** `undefined`: whatever the decider says. */
  readonly code: string | undefined;
}

const deltaOf = ({ type, quantity }: Pick<Unit, 'type' | 'quantity'>): number =>
  type === 'Receive' ? quantity : -quantity;

/** What a store has, as anybody would say it. */
class Model {
  /** In the order in which they were set aside, and tried in vain, it does not matter. */
  list: readonly ListedUnit[] = [];
  pending: readonly Unit[] = [];
  confirmed: readonly number[] = [0, 0];
  /** In the server's log. */
  position = 0;
  /** What others have recorded, and this store has not heard of. */
  unheard: readonly Pick<Unit, 'aggregate' | 'type' | 'quantity'>[] = [];

  with(changes: Partial<Model>): Model {
    return Object.assign(new Model(), this, changes);
  }

  free(aggregate: number): number {
    const own = this.pending.filter((unit) => unit.aggregate === aggregate);
    return own.reduce((sum, unit) => sum + deltaOf(unit), this.confirmed[aggregate] ?? 0);
  }

  accepts({ aggregate, type, quantity }: Pick<Unit, 'aggregate' | 'type' | 'quantity'>): boolean {
    return type === 'Receive' || quantity <= this.free(aggregate);
  }

  record(unit: Unit): Model {
    return this.accepts(unit) ? this.with({ pending: [...this.pending, unit] }) : this;
  }

  refuse(index: number): Model {
    const { aggregate } = this.pending[index] as Unit;
    const isGone = (unit: Unit, at: number): boolean => at >= index && unit.aggregate === aggregate;
    const gone = this.pending.filter(isGone).map((unit, at): ListedUnit => ({
      ...unit,
      isRefused: at === 0,
      code: at === 0 ? NO.code : 'DEPENDENCY',
    }));
    return this.with({
      pending: this.pending.filter((unit, at) => !isGone(unit, at)),
      list: [...this.list, ...gone],
    });
  }

  others(unit: Pick<Unit, 'aggregate' | 'type' | 'quantity'>): Model {
    const seen = this.with({ pending: [] }).pull();
    return seen.accepts(unit) ? this.with({ unheard: [...this.unheard, unit] }) : this;
  }

  pull(): Model {
    const confirmed = [...this.confirmed];
    const touched = new Set<number>();
    for (const unit of this.unheard) {
      confirmed[unit.aggregate] = (confirmed[unit.aggregate] ?? 0) + deltaOf(unit);
      touched.add(unit.aggregate);
    }
    const gone = this.pending.filter(({ aggregate }) => touched.has(aggregate));
    const listed = gone.map((unit): ListedUnit => ({ ...unit, isRefused: false, code: 'CONFLICT' }));
    return this.with({
      ...{ confirmed, unheard: [], list: [...this.list, ...listed], position: this.position + this.unheard.length },
      pending: this.pending.filter(({ aggregate }) => !touched.has(aggregate)),
    });
  }

  push(): Model {
    const confirmed = this.confirmed.map((_free, aggregate) => this.free(aggregate));
    return this.with({ confirmed, pending: [], position: this.position + this.pending.length });
  }

  /** @param ids - in the order of the list */
  retry(ids: readonly UnitId[], edit?: { readonly quantity: number; readonly isCommand: boolean }): Model {
    return ids.reduce<Model>((model, id) => {
      const { isRefused, code: _code, ...unit } = model.list.find((one) => one.id === id) as ListedUnit;
      const tried = edit === undefined ? unit : { ...unit, quantity: edit.quantity, hasCommand: edit.isCommand };
      const isTaken = edit?.isCommand === false || (tried.hasCommand && model.accepts(tried));
      if (!isTaken) {
        if (edit !== undefined) return model;
        const code = unit.hasCommand ? 'COMMAND_ERROR' : undefined;
        return model.with({ list: model.list.map((one) => (one.id === id ? { ...one, code } : one)) });
      }
      return model.with({
        list: model.list.filter((one) => one.id !== id),
        pending: [...model.pending, { ...tried, id: isRefused ? retriedUnitId(id) : id }],
      });
    }, this);
  }

  discard(ids: readonly UnitId[]): Model {
    return this.with({ list: this.list.filter(({ id }) => !ids.includes(id)) });
  }
}

/** One tab, with its application. */
interface Tab {
  readonly store: OwnTablesTab;
  readonly app: Application;
}

async function openOn(journal: SharedJournal): Promise<Tab> {
  const store = await openTab(journal);
  return { store, app: new Application({ recorder: store.recorder, aggregates: [stock], keepCommands: true }) };
}

async function close({ store }: Tab): Promise<void> {
  await store.recorder.close();
  store.database.close();
}

type Plant = (list: SetAsideUnits, model: Model) => SetAsideUnits;

/** What a tab says. */
interface Truth {
  readonly list: readonly string[];
  readonly pending: readonly string[];
  readonly position: number;
}

/** Two tabs of a device, somebody else's device, and a server. */
class World {
  readonly #journal = new SharedJournal();
  readonly #log = new MemoryUnitLog({ seals: { keys: [new Uint8Array(32).fill(7)] } });
  readonly #ids = [newOriginatorId(), newOriginatorId()];
  readonly #tabs: Tab[] = [];
  readonly #plant: Plant;
  #other: Tab | undefined;
  model = new Model();
  readonly seen = new Set<string>();

  constructor(plant: Plant) {
    this.#plant = plant;
  }

  async open(): Promise<this> {
    this.#other = await openOn(new SharedJournal());
    for (let tab = 0; tab < 2; tab++) this.#tabs.push(await openOn(this.#journal));
    return this;
  }

  async close(): Promise<void> {
    for (const tab of [...this.#tabs, this.#other as Tab]) await close(tab);
  }

  async play(step: Step): Promise<void> {
    const planned = this.#plan(step);
    if (planned === undefined) return;
    const { work, models } = planned;
    let left = step.at;
    const met = { fault: false };
    this.#journal.nextFault = () => {
      if (step.fault === 'none' || left-- !== 0) return 'none';
      met.fault = true;
      return step.fault;
    };
    const failure: unknown = await work().then(
      () => undefined,
      (error: unknown) => error,
    );
    this.#journal.nextFault = () => 'none';
    if (met.fault) {
      this.seen.add(`${step.act} ${step.fault}`);
      await this.#dieAndOpen(step.tab);
      // The server may have what this tab has not: how that comes back is shown elsewhere.
      if (step.act === 'push') await this.#pull(this.#tabs[step.tab] as Tab);
      await this.#settle([this.model, ...models]);
    } else {
      if (failure !== undefined && !(failure instanceof CommandError)) throw failure as Error;
      this.seen.add(step.act);
      await this.#settle(models.slice(-1));
    }
    await this.#check();
  }

  /** What a step does, and what the store may be after each write of it. */
  #plan({ act, tab, aggregate, type, quantity, pick }: Step): Planned | undefined {
    const { app, store } = this.#tabs[tab] as Tab;
    const { recorder } = store;
    const { model } = this;
    const list = this.#plant(app.setAside, model);
    const picked = model.list.filter((_unit, index) => ((pick + 1) >> (index % 4)) % 2 === 1).map(({ id }) => id);
    const one = model.list[pick % Math.max(1, model.list.length)];
    const id = this.#ids[aggregate] as string;
    if (act === 'record') {
      const unit = { id: crypto.randomUUID() as UnitId, aggregate, type, quantity, hasCommand: true };
      const work = (): Promise<unknown> =>
        app.execute(stock, id, { type, data: { quantity } }, { unit: { id: unit.id } });
      return { work, models: [model.record(unit)] };
    }
    if (act === 'refuse') {
      if (model.pending.length === 0) return undefined;
      const index = pick % model.pending.length;
      const refused = [{ id: (model.pending[index] as Unit).id, reason: NO }];
      return { work: () => recorder.setAside(refused), models: [model.refuse(index)] };
    }
    if (act === 'other') {
      // Elsewhere, so that nothing of it is in this journal.
      const work = async (): Promise<void> => {
        await this.#pull(this.#other as Tab);
        await (this.#other as Tab).app.execute(stock, id, { type, data: { quantity } });
        await this.#push(this.#other as Tab);
      };
      return { work, models: [model.others({ aggregate, type, quantity })] };
    }
    if (act === 'pull') return { work: () => this.#pull(this.#tabs[tab] as Tab), models: [model.pull()] };
    if (act === 'push') {
      const pulled = model.pull();
      const work = async (): Promise<void> => {
        await this.#pull(this.#tabs[tab] as Tab);
        await this.#push(this.#tabs[tab] as Tab);
      };
      return { work, models: [pulled, pulled.push()] };
    }
    if (act === 'discard') return { work: () => list.discard(picked), models: [model.discard(picked)] };
    if (act === 'retry') {
      return { work: () => list.retry(picked), models: [model.retry(picked)] };
    }
    if (one === undefined) return undefined;
    const models = [model.retry([one.id], { quantity, isCommand: act === 'edit' })];
    if (act === 'edit') {
      const aggregateId = this.#ids[one.aggregate] as string;
      const commands = [{ aggregateType: 'Stock', aggregateId, command: { type: one.type, data: { quantity } } }];
      return { work: () => list.retry(one.id, { commands }), models };
    }
    const work = async (): Promise<void> => {
      const entry = (await list.list()).entries.find((found) => found.id === one.id);
      const events = (entry?.events ?? []).flatMap(({ event: recorded }) => recorded ?? []);
      await list.retry(one.id, { events: events.map((recorded) => ({ ...recorded, data: { quantity } })) });
    };
    return { work, models };
  }

  async #pull({ store: { recorder } }: Tab): Promise<void> {
    for (;;) {
      const { cursor } = await recorder.syncProgress();
      const page = await this.#log.page(cursor, ALL);
      if (page === undefined) throw new Error('The log does not know the cursor.');
      if (page.units.length === 0) return;
      await recorder.insertPage(page);
    }
  }

  async #push(tab: Tab): Promise<void> {
    const units = await tab.store.recorder.selectPendingUnits(0, ALL);
    if (units.length === 0) return;
    const replicaId = tab === this.#other ? OTHER_REPLICA : OWN_REPLICA;
    await this.#log.push(units, { subject: 'ann', replicaId });
    await this.#pull(tab);
  }

  /** The tab of a write that failed is gone, and comes again. */
  async #dieAndOpen(index: number): Promise<void> {
    await close(this.#tabs[index] as Tab);
    this.#tabs[index] = await openOn(this.#journal);
  }

  /** Takes the model that is so. */
  async #settle(models: readonly Model[]): Promise<void> {
    const { list, pending, position } = await this.#truth(this.#tabs[0] as Tab);
    const isSo = (model: Model): boolean =>
      model.position === position &&
      areSame(model.list.map(named), list) &&
      areSame(
        model.pending.map(({ id }) => id),
        pending,
      );
    const found = models.findLast(isSo);
    if (found === undefined) {
      const expected = models.map((model) => ({
        list: model.list.map(named),
        pending: model.pending.map(({ id }) => id),
      }));
      expect({ list, pending }).toEqual(expected.at(-1));
      throw new Error('It is none of what it may be.');
    }
    // In the order of the store.
    const place = (unit: ListedUnit): number => list.findIndex((name) => name.startsWith(unit.id));
    this.model = found.with({ list: found.list.toSorted((left, right) => place(left) - place(right)) });
  }

  async #truth({ store, app }: Tab): Promise<Truth> {
    store.recorder.noteHead(this.#journal.records.length);
    const list: string[] = [];
    for await (const { id, isRefused } of app.setAside.all()) list.push(named({ id, isRefused }));
    const pending = (await store.recorder.selectPendingUnits(0, ALL)).map(({ id }) => id);
    const { position } = await store.recorder.syncProgress();
    return { list, pending, position };
  }

  async #check(): Promise<void> {
    const [first, second] = this.#tabs as [Tab, Tab];
    expect(await this.#truth(second)).toEqual(await this.#truth(first));
    const lines: string[] = [];
    for await (const line of second.app.setAside.export()) lines.push(line);
    const { entries } = await first.app.setAside.list();
    expect(lines.slice(1).map((line) => (JSON.parse(line) as { unitId: string }).unitId)).toEqual(
      entries.map(({ id }) => id),
    );
    for (const { id, reason, events } of entries) {
      const { code, aggregate } = this.model.list.find((unit) => unit.id === id) as ListedUnit;
      expect(reason.code).toMatch(code === undefined ? /./ : new RegExp(`^${code}$`));
      expect(events.map(({ stored }) => stored.originatorId)).toEqual([this.#ids[aggregate]]);
    }
    const ids = entries.map(({ id }) => id);
    const standings = await first.store.recorder.findUnits(ids);
    expect(standings.map((standing) => standing?.state)).toEqual(ids.map(() => 'setAside'));
    const inLog = ((await this.#log.page('0', ALL))?.units ?? []).map(({ id }) => id);
    expect(ids.filter((id) => inLog.includes(id))).toEqual([]);
    for (const [index, id] of this.#ids.entries()) {
      expect(await freeIn(first.app, id)).toBe(this.model.free(index));
    }
  }
}

const OWN_REPLICA = crypto.randomUUID();
const OTHER_REPLICA = crypto.randomUUID();

async function freeIn(app: Application, id: string): Promise<number> {
  try {
    return (await app.repository.load(stock, id)).state.free;
  } catch (error) {
    if (error instanceof AggregateNotFoundError) return 0;
    throw error;
  }
}

const named = ({ id, isRefused }: Pick<ListedUnit, 'id' | 'isRefused'>): string =>
  `${id}${isRefused ? ' refused' : ''}`;

function areSame(left: readonly string[], right: readonly string[]): boolean {
  return left.toSorted().join() === right.toSorted().join();
}

interface Planned {
  readonly work: () => Promise<unknown>;
  /** After each write of it. */
  readonly models: readonly Model[];
}

const ACTS = ['record', 'refuse', 'other', 'pull', 'push', 'retry', 'edit', 'events', 'discard'] as const;

interface Step {
  readonly act: (typeof ACTS)[number];
  readonly tab: number;
  readonly aggregate: number;
  readonly type: Type;
  readonly quantity: number;
  readonly pick: number;
  readonly fault: 'none' | 'fails' | 'fails-after-writing';
  /** Which write fails, from 0 on. */
  readonly at: number;
}

const anyStep: fc.Arbitrary<Step> = fc.record({
  act: fc.oneof(
    { weight: 4, arbitrary: fc.constant('record' as const) },
    { weight: 9, arbitrary: fc.constantFrom(...ACTS) },
  ),
  tab: fc.nat(1),
  aggregate: fc.nat(1),
  type: fc.constantFrom<Type>('Receive', 'Reserve'),
  quantity: fc.integer({ min: 1, max: 4 }),
  pick: fc.nat(14),
  fault: fc.oneof(
    { weight: 5, arbitrary: fc.constant('none' as const) },
    { weight: 2, arbitrary: fc.constantFrom('fails' as const, 'fails-after-writing' as const) },
  ),
  at: fc.nat(1),
});

const step = (act: Step['act'], more: Partial<Step> = {}): Step => ({
  ...{ act, tab: 0, aggregate: 0, type: 'Receive', quantity: 3, pick: 14, fault: 'none', at: 0 },
  ...more,
});

/** Something is recorded that two others stand on, and a server refuses it. */
const REFUSED = [step('record'), step('record', { tab: 1 }), step('record'), step('refuse', { pick: 0 })];

/** Every kind of step, with each fault. */
const EVERYTHING: readonly Step[] = [
  step('record', { aggregate: 1 }),
  step('record', { aggregate: 1, type: 'Reserve', quantity: 4 }),
  step('push', { tab: 1 }),
  ...(['none', 'fails', 'fails-after-writing'] as const).flatMap((fault) => [
    ...[step('record', { fault }), step('record'), step('other'), step('pull', { fault }), step('pull')],
    ...[step('record'), step('record'), step('refuse', { fault }), step('push', { fault }), step('push')],
    // Others were first, and then there is not enough.
    ...[step('record', { aggregate: 1, quantity: 1 }), step('push')],
    step('record', { aggregate: 1, type: 'Reserve', quantity: 1 }),
    ...[
      step('record', { aggregate: 1, type: 'Reserve', quantity: 3 }),
      step('other', { aggregate: 1, type: 'Reserve' }),
    ],
    ...[step('pull'), step('retry', { fault }), step('retry'), step('edit', { pick: 0, quantity: 4, fault })],
    ...[step('edit', { pick: 0, quantity: 4 }), step('discard'), step('push')],
    ...(['retry', 'edit', 'events', 'discard'] as const).flatMap((act) => [
      ...REFUSED,
      // The first one alone; and then all.
      step(act, { tab: 1, pick: 0, fault }),
      step(act, { fault }),
      step('retry'),
      step('discard'),
    ]),
  ]),
];

const asItIs: Plant = (list) => list;

async function run(steps: readonly Step[], plant: Plant): Promise<ReadonlySet<string>> {
  const world = await new World(plant).open();
  try {
    for (const one of steps) await world.play(one);
    return world.seen;
  } finally {
    await world.close();
  }
}

test('nothing leaves the list unasked, in any tab, at any fault', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { maxLength: 25 }), async (steps) => {
      await run(steps, asItIs);
    }),
    // What always happens is in the next test.
    { numRuns: 20 },
  );
}, 120_000);

test('every kind of step, and each fault of it, happens in what is always played', async () => {
  const seen = await run(EVERYTHING, asItIs);
  expect([...seen]).toEqual(expect.arrayContaining([...ACTS]));
  for (const act of ['record', 'pull', 'edit', 'events', 'discard', 'refuse', 'retry']) {
    expect([...seen]).toEqual(expect.arrayContaining([`${act} fails`, `${act} fails-after-writing`]));
  }
}, 120_000);

/** Lists that do something else than they should. */
const FAULTS: Readonly<Record<string, Plant>> = {
  'retry removes before it records': (list) =>
    changed(list, 'retry', async (ids, edit) => {
      await list.discard(ids as UnitId[]);
      return await list.retry(ids as UnitId[], edit as never);
    }),
  'discard takes with it what stands on it': (list, model) =>
    changed(list, 'discard', async (ids) => {
      const aggregates = model.list
        .filter(({ id }) => (ids as UnitId[]).includes(id))
        .map(({ aggregate }) => aggregate);
      return await list.discard(
        model.list.filter(({ aggregate }) => aggregates.includes(aggregate)).map(({ id }) => id),
      );
    }),
  'discard does nothing': (list) => changed(list, 'discard', () => Promise.resolve([])),
  'a retry that fails gives up': (list) =>
    changed(list, 'retry', async (ids, edit) => {
      const outcomes = await list.retry(ids as UnitId[], edit as never);
      await list.discard(outcomes.filter(({ outcome }) => outcome === 'setAside').map(({ id }) => id));
      return outcomes;
    }),
};

function changed(
  list: SetAsideUnits,
  name: 'retry' | 'discard',
  work: (...given: readonly unknown[]) => Promise<unknown>,
): SetAsideUnits {
  return new Proxy(list, {
    get: (target, key) => {
      const value: unknown = key === name ? work : Reflect.get(target, key, target);
      return typeof value === 'function' && key !== name ? (value as () => unknown).bind(target) : value;
    },
  });
}

test.each(Object.entries(FAULTS))(
  'a list in which %s is found out',
  async (_name, plant) => {
    await expect(run(EVERYTHING, plant)).rejects.toThrow();
  },
  60_000,
);
