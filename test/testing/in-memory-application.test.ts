import { describe, expect, test } from 'vitest';
import { Aggregate } from '../../src/domain/aggregate.js';
import { Application } from '../../src/application/application.js';
import { defineDecider } from '../../src/domain/decider.js';
import { command, event } from '../../src/domain/message-types.js';
import { inMemoryApplication, inMemoryOptions } from '../../src/testing/in-memory-application.js';
import { ManualClock } from '../../src/testing/manual-clock.js';
import { sequentialIds } from '../../src/testing/sequential-ids.js';
import { DecoratedDog } from '../domain/decorated-dog.js';

const counter = defineDecider({
  name: 'Counter',
  events: { Counted: event<{ by: number }>() },
  commands: { Count: command<{ by: number }>() },
  initialState: () => ({ total: 0 }),
  decide: { Count: ({ data }) => ({ type: 'Counted', data }) },
  evolve: { Counted: (state, { data }) => ({ total: state.total + data.by }) },
});

class Lamp extends Aggregate.of('Lamp', { Lit: event() }) {
  isOn = false;
  light(): void {
    this.apply('Lit');
  }
  onLit(): void {
    this.isOn = true;
  }
}

describe('an application in memory', () => {
  test('records the same, byte for byte, in every run', async () => {
    const run = async (): Promise<unknown> => {
      const clock = new ManualClock(Date.parse('2026-03-01T12:00:00Z'));
      const app = inMemoryApplication({ aggregates: [counter, Lamp], clock });
      const newId = sequentialIds(1);
      await app.execute(counter, newId(), { type: 'Count', data: { by: 2 } });
      clock.advance(60_000);
      const lamp = new Lamp(newId());
      lamp.light();
      await app.save(lamp);
      return app.recorder.selectNotifications({ start: 1, limit: 10 });
    };
    const notifications = await run();
    expect(notifications).toHaveLength(2);
    expect(await run()).toEqual(notifications);
  });

  test('tells the time of its clock, and gives ids in order', async () => {
    const clock = new ManualClock(Date.parse('2026-03-01T12:00:00Z'));
    const app = inMemoryApplication({ aggregates: [counter], clock });
    const { events, state } = await app.execute(counter, sequentialIds(1)(), { type: 'Count', data: { by: 2 } });
    expect(state).toEqual({ total: 2 });
    expect(events[0]!.metadata).toMatchObject({
      eventId: '00000000-0000-7000-8000-000000000001',
      occurredAt: new Date('2026-03-01T12:00:00Z'),
    });
  });

  test('decides again at once', async () => {
    const app = inMemoryApplication({ aggregates: [counter] });
    const id = sequentialIds(1)();
    const count = { type: 'Count', data: { by: 1 } } as const;
    await Promise.all(Array.from({ length: 8 }, () => app.execute(counter, id, count, { retry: { attemptsMax: 20 } })));
    expect(await app.repository.load(counter, id)).toMatchObject({ version: 8, state: { total: 8 } });
  });

  test('is there for classes that extend Application: the dog school, with decorators', async () => {
    class TrainingSchool extends Application {
      async register(name: string): Promise<void> {
        await this.save(DecoratedDog.register(name));
      }

      async addTrick(name: string, trick: string): Promise<void> {
        const dog = await this.repository.get(DecoratedDog, DecoratedDog.createId(name));
        dog.addTrick(trick);
        await this.save(dog);
      }

      async getTricks(name: string): Promise<readonly string[]> {
        return (await this.repository.get(DecoratedDog, DecoratedDog.createId(name))).tricks;
      }
    }
    const school = new TrainingSchool(inMemoryOptions({ aggregates: [DecoratedDog] }));
    await school.register('Fido');
    await school.addTrick('Fido', 'roll over');
    await school.addTrick('Fido', 'play dead');
    expect(await school.getTricks('Fido')).toEqual(['roll over', 'play dead']);
  });
});

describe('a manual clock', () => {
  test('calls what is due, earliest first, and what was called off never', () => {
    const clock = new ManualClock(5);
    const calls: string[] = [];
    clock.schedule(() => calls.push(`late at ${clock.nowMs()}`), 20);
    clock.schedule(() => {
      calls.push('early');
      callOff();
      clock.schedule(() => calls.push('next'), 0);
    }, 10);
    const callOff = clock.schedule(() => calls.push('called off'), 15);
    clock.advance(9);
    expect(calls).toEqual([]);
    clock.advance(11);
    expect(calls).toEqual(['early', 'late at 25']);
    clock.advance(0);
    expect(calls).toEqual(['early', 'late at 25', 'next']);
  });
});
