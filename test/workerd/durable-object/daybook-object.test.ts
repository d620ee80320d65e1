/** The function form: an object that is opened by hand. */
import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { openDaybookObject } from '../../../src/durable-object/daybook-object.js';
import type { AlarmJob } from '../../../src/durable-object/alarm-job.js';
import { newOriginatorId, sampleEvent } from '../../../src/testing/conformance/event-samples.js';
import { newName } from '../support/object-context.js';

function job(name: string, log: string[]): AlarmJob {
  return {
    name,
    async run() {
      log.push(name);
      return Promise.resolve({});
    },
  };
}

test('a job that was not there before runs without waiting for something to be recorded, and then follows what is', async () => {
  const log: string[] = [];
  await runInDurableObject(env.EMPTY.getByName(newName()), async (_object, context) => {
    const { storage } = context;
    const first = openDaybookObject(context, () => ({ jobs: [job('a', log)] }));
    await first.daybook;
    expect(await storage.getAlarm()).not.toBeNull();
    await storage.deleteAlarm();
    await first.alarm();
    expect(log).toEqual(['a']);

    const again = openDaybookObject(context, () => ({ jobs: [job('a', log)] }));
    await again.daybook;
    expect(await storage.getAlarm()).toBeNull();

    const more = openDaybookObject(context, ({ recorder }) => ({ recorder, jobs: [job('a', log), job('b', log)] }));
    const { recorder } = await more.daybook;
    expect(await storage.getAlarm()).not.toBeNull();
    await storage.deleteAlarm();
    await more.alarm();
    expect(log).toEqual(['a', 'a', 'b']);

    await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    expect(await storage.getAlarm()).not.toBeNull();
    await storage.deleteAlarm();
    await more.settle();
    expect(log.slice(3)).toEqual(['a', 'b']);
  });
});

test('without jobs there is no alarm, and no table of jobs', async () => {
  await runInDurableObject(env.EMPTY.getByName(newName()), async (_object, context) => {
    const object = openDaybookObject(context, ({ recorder }) => ({ recorder }));
    const { recorder } = await object.daybook;
    await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    expect(await context.storage.getAlarm()).toBeNull();
    await object.settle();
    await object.alarm();
    const { rows } = await recorder.query(`SELECT name FROM sqlite_schema WHERE name = 'daybook_jobs'`);
    expect(rows).toEqual([]);
  });
});

test('what is recorded while the jobs run makes them run once more', async () => {
  await runInDurableObject(env.EMPTY.getByName(newName()), async (_object, context) => {
    const log: string[] = [];
    const object = openDaybookObject(context, ({ recorder }) => ({
      jobs: [
        job('before', log),
        {
          name: 'records',
          async run() {
            log.push('records');
            if (log.length < 4) await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
            return {};
          },
        },
      ],
    }));
    await object.daybook;
    await context.storage.deleteAlarm();
    // Two at once are one run.
    await Promise.all([object.alarm(), object.settle()]);
    expect(log).toEqual(['before', 'records', 'before', 'records']);
  });
});

test('two jobs of one name are refused, and times that make no sense', async () => {
  const stub = env.EMPTY.getByName(newName());
  const opened = runInDurableObject(stub, async (_object, context) => {
    await openDaybookObject(context, () => ({ jobs: [job('a', []), job('a', [])] })).daybook;
  });
  await expect(opened).rejects.toThrow('Two jobs of the object are called a');
  await runInDurableObject(env.EMPTY.getByName(newName()), (_object, context) => {
    expect(() => openDaybookObject(context, () => ({}), { retry: { delayMsMin: -1, delayMsMax: 1 } })).toThrow(
      expect.objectContaining({ code: 'PROGRAMMING_ERROR' }),
    );
  });
});
