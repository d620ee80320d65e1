import { describe, expect, test } from 'vitest';
import { BackgroundCheckpoints } from '../../../src/persistence/journal/background-checkpoints.js';
import type { CheckpointSource } from '../../../src/persistence/journal/background-checkpoints.js';
import { ManualClock } from '../../../src/testing/manual-clock.js';

const STEP_MS = 100;
const LONG_MS = 10_000;

/** Lets time pass in small steps, and everything happen that is due meanwhile. */
const pass = async (clock: ManualClock, durationMs: number): Promise<void> => {
  for (let passedMs = 0; passedMs < durationMs; passedMs += STEP_MS) {
    clock.advance(STEP_MS);
    await new Promise(setImmediate);
  }
};

/** A store that needs a checkpoint as much as it is told, and writes down what is asked of it. */
class FakeStore implements CheckpointSource {
  isBusy = false;
  checkpointNeed = 0;
  records = 0;
  failure: Error | undefined;
  readonly calls: string[] = [];

  async checkpoint(): Promise<'published'> {
    this.calls.push('checkpoint');
    if (this.failure !== undefined) throw this.failure;
    this.checkpointNeed = 0;
    return 'published';
  }

  async compact(limit: number): Promise<number> {
    const deleted = Math.min(limit, this.records);
    this.records -= deleted;
    this.calls.push(`compact ${deleted}`);
    return deleted;
  }
}

const setUp = (
  alone: (work: () => Promise<void>) => Promise<void> = (work) => work(),
): { store: FakeStore; clock: ManualClock; checkpoints: BackgroundCheckpoints } => {
  const [store, clock] = [new FakeStore(), new ManualClock()];
  return { store, clock, checkpoints: new BackgroundCheckpoints({ source: store, clock, alone }) };
};

describe('checkpoints in the background', () => {
  test('are not written before they are due, and cost no timer', async () => {
    const { store, clock, checkpoints } = setUp();
    store.checkpointNeed = 0.9;
    checkpoints.note();
    await pass(clock, LONG_MS);
    expect(store.calls).toEqual([]);
  });

  test('are written in a pause, and the journal is compacted a slice at a time', async () => {
    const { store, clock, checkpoints } = setUp();
    store.records = 1_200;
    store.checkpointNeed = 1;
    checkpoints.note();
    expect(store.calls).toEqual([]);
    await pass(clock, LONG_MS);
    expect(store.calls).toEqual(['checkpoint', 'compact 500', 'compact 500', 'compact 200']);
  });

  test('wait while commits follow each other, and come in the pause after them', async () => {
    const { store, clock, checkpoints } = setUp();
    store.checkpointNeed = 1;
    for (let commit = 0; commit < 50; commit++) {
      checkpoints.note();
      await pass(clock, STEP_MS);
    }
    expect(store.calls).toEqual([]);
    await pass(clock, LONG_MS);
    expect(store.calls).toEqual(['checkpoint', 'compact 0']);
  });

  test('wait no longer when opening would become slow', async () => {
    const { store, clock, checkpoints } = setUp();
    store.isBusy = true;
    store.checkpointNeed = 3;
    checkpoints.note();
    await pass(clock, LONG_MS);
    expect(store.calls).toEqual([]);
    store.checkpointNeed = 4;
    await pass(clock, LONG_MS);
    expect(store.calls[0]).toBe('checkpoint');
  });

  test('are left to the tab that is at it, and looked after again', async () => {
    let isTaken = true;
    const { store, clock, checkpoints } = setUp(async (work) => {
      if (!isTaken) await work();
    });
    store.checkpointNeed = 1;
    checkpoints.note();
    await pass(clock, LONG_MS);
    expect(store.calls).toEqual([]);
    isTaken = false;
    await pass(clock, LONG_MS);
    expect(store.calls[0]).toBe('checkpoint');
  });

  test('that fail are tried again, not at once, and the failure can be seen', async () => {
    const { store, clock, checkpoints } = setUp();
    store.failure = new Error('no room');
    store.checkpointNeed = 1;
    checkpoints.note();
    await pass(clock, LONG_MS);
    expect(store.calls).toEqual(['checkpoint']);
    expect(checkpoints.lastError).toBe(store.failure);
    store.failure = undefined;
    await pass(clock, 60_000);
    expect(store.calls).toEqual(['checkpoint', 'checkpoint', 'compact 0']);
    expect(checkpoints.lastError).toBeUndefined();
  });

  test('are not begun after close', async () => {
    const { store, clock, checkpoints } = setUp();
    store.checkpointNeed = 1;
    checkpoints.note();
    checkpoints.close();
    await pass(clock, LONG_MS);
    expect(store.calls).toEqual([]);
  });
});
