import { describe, expect, test } from 'vitest';
import { JSONNotificationLogView, RemoteNotificationLog } from '../../../src/application/log/json-notification-log.js';
import { NotificationLog, NotificationLogReader } from '../../../src/application/log/notification-log.js';
import type { Section } from '../../../src/application/log/notification-log.js';
import { MemoryProcessRecorder } from '../../../src/persistence/memory/memory-recorder.js';
import type { Notification } from '../../../src/persistence/stored-event.js';
import { newOriginatorId, sampleEvents } from '../../../src/testing/conformance/event-samples.js';

async function logOf(count: number, sectionSize: number = 5): Promise<NotificationLog> {
  const recorder = new MemoryProcessRecorder();
  await recorder.insertEvents(sampleEvents(newOriginatorId(), 1, count));
  return new NotificationLog(recorder, { sectionSize });
}

const show = ({ id, items, nextId }: Section): unknown => [id, items.map((item) => item.id), nextId];

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

describe('a section', () => {
  // How many there are, the section that is asked for, and what the Python library answers.
  test.each([
    [0, '1,10', [undefined, [], undefined]],
    [5, '1,10', ['1,5', [1, 2, 3, 4, 5], '6,10']],
    [5, '6,10', [undefined, [], undefined]],
    [9, '6,10', ['6,9', [6, 7, 8, 9], undefined]],
    [9, '3,7', ['3,7', [3, 4, 5, 6, 7], '8,12']],
    [9, '3,10', ['3,7', [3, 4, 5, 6, 7], '8,12']],
    [9, '3,4', ['3,4', [3, 4], '5,6']],
    [9, '3,2', [undefined, [], undefined]],
  ])('of %i notifications: "%s"', async (count, id, expected) => {
    expect(show(await (await logOf(count)).section(id))).toEqual(expected);
  });

  test.each(['', '1', '1,', 'a,b', '1,2,3', '-1,5', '1.5,3', '1,99999999999999999'])('is not "%s"', async (id) => {
    await expect((await logOf(1)).section(id)).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
  });

  test('has a limit, which a selection keeps too', async () => {
    const log = await logOf(25, 10);
    await expect(log.select({ start: 1, limit: 20 })).rejects.toThrow(
      'Requested limit 20 greater than section size 10',
    );
    expect((await log.select({ start: 3, limit: 10, stop: 4 })).map(({ id }) => id)).toEqual([3, 4]);
    expect(() => new NotificationLog(new MemoryProcessRecorder(), { sectionSize: 0 })).toThrow('sectionSize');
  });
});

describe('a reader', () => {
  test.each([
    [1, 9],
    [2, 8],
    [3, 7],
    [4, 6],
    [8, 2],
    [9, 1],
    [10, 0],
  ])('from %i on gives %i of 9 notifications, by sections and by selections', async (start, expected) => {
    const reader = new NotificationLogReader(await logOf(9));
    const ids = Array.from({ length: expected }, (_, index) => start + index);
    expect((await collect(reader.read({ start }))).map(({ id }) => id)).toEqual(ids);
    expect((await collect(reader.select({ start }))).flat().map(({ id }) => id)).toEqual(ids);
  });

  test('goes on after gaps', async () => {
    const rows = [1, 2, 7, 8, 20].map((id) => ({ id }) as Notification);
    const log = new NotificationLog(
      {
        selectNotifications: async ({ start, limit }) => rows.filter(({ id }) => id >= start).slice(0, limit),
      },
      { sectionSize: 2 },
    );
    const reader = new NotificationLogReader(log);
    expect((await collect(reader.read({ start: 1 }))).map(({ id }) => id)).toEqual([1, 2, 7, 8, 20]);
  });
});

describe('as JSON', () => {
  test('a section is what the Python library writes, and what a remote log reads', async () => {
    const log = await logOf(7);
    const view = new JSONNotificationLogView(log);
    const section = JSON.parse(await view.getLogSection('1,5')) as { items: Record<string, unknown>[] };
    const [first] = (await log.section('1,5')).items;
    expect(section).toMatchObject({ id: '1,5', next_id: '6,10' });
    expect(Object.entries(section.items[0] ?? {})).toEqual([
      ['id', 1],
      ['originator_id', first?.originatorId.replaceAll('-', '')],
      ['originator_version', 1],
      ['topic', 'topic1'],
      ['state', Buffer.from(first?.state ?? []).toString('base64')],
    ]);
    expect(JSON.parse(await view.getLogSection('11,15'))).toEqual({ id: null, next_id: null, items: [] });
    const remote = new RemoteNotificationLog(view, { sectionSize: 5 });
    expect(await remote.section('1,5')).toEqual(await log.section('1,5'));
    expect(await collect(new NotificationLogReader(remote).read({ start: 2 }))).toEqual(
      await collect(new NotificationLogReader(log).read({ start: 2 })),
    );
    expect(await remote.select({ start: 2, limit: 5, stop: 3 })).toEqual(await log.select({ start: 2, limit: 2 }));
  });

  test.each(['', '[]', 'null', '{"id":1,"next_id":null,"items":[]}', '{"id":null,"next_id":null,"items":[{"id":1}]}'])(
    'an answer is not %s',
    async (text) => {
      const answer = async (): Promise<string> => text;
      const remote = new RemoteNotificationLog({ getLogSection: answer, getNotifications: answer });
      await expect(remote.section('1,10')).rejects.toMatchObject({ code: 'DATA_ERROR' });
      if (text !== '[]')
        await expect(remote.select({ start: 1, limit: 1 })).rejects.toMatchObject({ code: 'DATA_ERROR' });
    },
  );
});
