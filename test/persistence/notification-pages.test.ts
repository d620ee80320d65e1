import { expect, test } from 'vitest';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import { readPage } from '../../src/persistence/notification-pages.js';
import type { PageRequest } from '../../src/persistence/notification-pages.js';
import { newOriginatorId, sampleEvent } from '../../src/testing/conformance/event-samples.js';

interface Shown {
  readonly ids: readonly number[];
  readonly to: number;
  readonly isFull: boolean;
}

/** Five events: a, b, a, b, b. */
async function pageOf(request: PageRequest): Promise<Shown> {
  const recorder = new MemoryProcessRecorder();
  const id = newOriginatorId();
  await recorder.insertEvents(['a', 'b', 'a', 'b', 'b'].map((topic, index) => sampleEvent(id, index + 1, topic)));
  const { notifications, to, isFull } = await readPage(recorder, request);
  return { ids: notifications.map((notification) => notification.id), to, isFull };
}

test.each<[what: string, request: PageRequest, page: Shown]>([
  ['a full page goes up to its last id', { after: 0, limit: 2 }, { ids: [1, 2], to: 2, isFull: true }],
  ['one that is not, too, where no head is known', { after: 3, limit: 9 }, { ids: [4, 5], to: 5, isFull: false }],
  ['and stands where it stood when there is nothing', { after: 7, limit: 9 }, { ids: [], to: 7, isFull: false }],
  [
    'with a head, it has seen everything up to that',
    { after: 2, head: 9, limit: 9 },
    { ids: [3, 4, 5], to: 9, isFull: false },
  ],
  ['nothing beyond the head is in it', { after: 0, head: 3, limit: 9 }, { ids: [1, 2, 3], to: 3, isFull: false }],
  [
    'what has other topics was seen too',
    { after: 0, head: 5, limit: 9, topics: ['a'] },
    { ids: [1, 3], to: 5, isFull: false },
  ],
  ['but not behind a full page', { after: 0, head: 5, limit: 2, topics: ['a'] }, { ids: [1, 3], to: 3, isFull: true }],
  ['a head that was passed takes nobody back', { after: 4, head: 3, limit: 2 }, { ids: [], to: 4, isFull: false }],
])('%s', async (_what, request, page) => {
  expect(await pageOf(request)).toEqual(page);
});
