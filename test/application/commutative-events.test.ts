import { describe, expect, test } from 'vitest';
import { Application } from '../../src/application/application.js';
import type { ExecuteOptions } from '../../src/application/commands/command-executor.js';
import type { InlineParticipant } from '../../src/application/events/inline-participant.js';
import { Aggregate } from '../../src/domain/aggregate.js';
import { defineDecider } from '../../src/domain/decider.js';
import { command, event } from '../../src/domain/message-types.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import type { PendingUnit } from '../../src/persistence/unit.js';
import { newOriginatorId } from '../../src/testing/conformance/event-samples.js';
import { openTab } from '../support/own-tables-tab.js';
import type { OwnTablesTab } from '../support/own-tables-tab.js';
import { SharedJournal } from '../support/shared-journal.js';

interface Quantity {
  readonly quantity: number;
}

const shelf = defineDecider({
  name: 'Shelf',
  events: {
    Received: event<Quantity>({ isCommutative: true }),
    Counted: event<Quantity>(),
  },
  commands: { Receive: command<Quantity>(), Count: command<Quantity>(), ReceiveAndCount: command<Quantity>() },
  initialState: () => ({ quantity: 0 }),
  decide: {
    Receive: ({ data }) => ({ type: 'Received', data }),
    Count: ({ data }, state) => (data.quantity === state.quantity ? [] : { type: 'Counted', data }),
    ReceiveAndCount: ({ data }) => [
      { type: 'Received', data },
      { type: 'Counted', data },
    ],
  },
  evolve: {
    Received: (state, { data }) => ({ quantity: state.quantity + data.quantity }),
    Counted: (_state, { data }) => data,
  },
});

class Visits extends Aggregate.of('Visits', { Visited: event({ isCommutative: true }) }) {
  visits = 0;

  onVisited(): void {
    this.visits += 1;
  }
}

const RECEIVE = { type: 'Receive', data: { quantity: 3 } } as const;
const COUNT = { type: 'Count', data: { quantity: 12 } } as const;

async function open(inline: readonly InlineParticipant[] = []): Promise<{ app: Application; tab: OwnTablesTab }> {
  const tab = await openTab(new SharedJournal());
  return { tab, app: new Application({ recorder: tab.recorder, aggregates: [shelf, Visits], inline }) };
}

async function units({ recorder }: OwnTablesTab): Promise<readonly PendingUnit[]> {
  return await recorder.selectPendingUnits(0, { eventsMax: 1_000, bytesMax: 1e9 });
}

async function areCommutative(tab: OwnTablesTab): Promise<readonly boolean[]> {
  return (await units(tab)).map(({ isCommutative }) => isCommutative);
}

describe('what is saved at once', () => {
  test('is a commutative unit where all its events are declared so', async () => {
    const { app, tab } = await open();
    const id = newOriginatorId();
    await app.execute(shelf, id, RECEIVE);
    await app.execute(shelf, id, COUNT);
    await app.execute(shelf, id, { type: 'ReceiveAndCount', data: { quantity: 1 } });
    const visits = new Visits(newOriginatorId());
    visits.apply('Visited');
    await app.save(visits);
    await app.append(shelf, id, [{ type: 'Received', data: { quantity: 2 } }]);
    expect(await areCommutative(tab)).toEqual([true, false, false, true, true]);
  });

  test('is one unit of several aggregates, of which each has a say', async () => {
    const { app, tab } = await open();
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    await app.executeAll([
      [shelf, a, RECEIVE],
      [shelf, b, RECEIVE],
    ]);
    await app.executeAll([
      [shelf, a, RECEIVE],
      [shelf, b, COUNT],
    ]);
    // Nothing happens to one of them: it has no say.
    await app.executeAll([
      [shelf, a, RECEIVE],
      [shelf, b, COUNT],
    ]);
    expect(await areCommutative(tab)).toEqual([true, false, true]);
  });

  test.each<[string, ExecuteOptions, boolean]>([
    ['expects whatever is there', { expected: 'any' }, true],
    ['expects that something is', { expected: 'streamExists' }, true],
    ['expects a version', { expected: 1 }, false],
    ['says that it is strict', { unit: { isCommutative: false } }, false],
    ['says its scopes only', { unit: { scopes: ['north'] } }, true],
  ])('and whose caller %s, is commutative: %j, %s', async (_what, options, isCommutative) => {
    const { app, tab } = await open();
    const id = newOriginatorId();
    await app.execute(shelf, id, RECEIVE);
    await app.execute(shelf, id, RECEIVE, options);
    expect((await areCommutative(tab)).at(-1)).toBe(isCommutative);
  });

  test('and that nothing was before, is strict', async () => {
    const { app, tab } = await open();
    await app.execute(shelf, newOriginatorId(), RECEIVE, { expected: 'noStream' });
    expect(await areCommutative(tab)).toEqual([false]);
  });

  test('is so too where participants share the transaction', async () => {
    const { app, tab } = await open([{ onRecorded: async () => undefined }]);
    await app.execute(shelf, newOriginatorId(), RECEIVE);
    await app.execute(shelf, newOriginatorId(), COUNT);
    expect(await areCommutative(tab)).toEqual([true, false]);
  });
});

describe('the option unit', () => {
  test('gives the unit its id, its scopes, and what it is', async () => {
    const { app, tab } = await open();
    const unit = { id: newOriginatorId(), scopes: ['north', 'hall 3'], isCommutative: true };
    await app.execute(shelf, newOriginatorId(), COUNT, { unit });
    expect(await units(tab)).toMatchObject([unit]);
    await expect(app.execute(shelf, newOriginatorId(), COUNT, { unit })).rejects.toMatchObject({
      code: 'INTEGRITY_ERROR',
      details: { constraint: 'unit', unitId: unit.id },
    });
    const visits = new Visits(newOriginatorId());
    visits.apply('Visited');
    await app.saveAll([visits], { unit: { scopes: ['south'] } });
    expect((await units(tab)).slice(1)).toMatchObject([{ scopes: ['south'], isCommutative: true }]);
  });

  test('is refused where there are no units; what events are declared is not', async () => {
    const app = new Application({ recorder: new MemoryProcessRecorder(), aggregates: [shelf] });
    await app.execute(shelf, newOriginatorId(), RECEIVE);
    const refused = app.execute(shelf, newOriginatorId(), RECEIVE, { unit: { scopes: ['north'] } });
    await expect(refused).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
    expect(await app.recorder.maxNotificationId()).toBe(1);
  });
});
