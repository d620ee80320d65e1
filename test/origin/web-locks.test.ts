import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { holdLock, workAlone, workIfFree, workInTurn } from '../../src/origin/web-locks.js';

const newLock = (): string => `test-${crypto.randomUUID()}`;

const tooLong = (): Error => new Error('somebody else does not let go');

const held = async (name: string): Promise<() => void> => {
  const release = (await holdLock(name, 'exclusive', tooLong))!;
  onTestFinished(release);
  return release;
};

const isWaitedFor = async (name: string): Promise<boolean> =>
  ((await navigator.locks.query()).pending ?? []).some((lock) => lock.name === name);

describe('work in turn', () => {
  test('waits for the lock, and lets go of it in the end', async () => {
    const name = newLock();
    const release = await held(name);
    const work = vi.fn(async () => undefined);
    const working = workInTurn(name, { signal: new AbortController().signal }, work);
    await expect.poll(() => isWaitedFor(name)).toBe(true);
    expect(work).not.toHaveBeenCalled();
    release();
    await working;
    expect(work).toHaveBeenCalledOnce();
    expect(await workAlone(name, 1_000, work)).toBe('done');
  });

  test('is not begun any more when its wait is called off', async () => {
    const name = newLock();
    const release = await held(name);
    const [work, controller] = [vi.fn(async () => undefined), new AbortController()];
    const working = workInTurn(name, { signal: controller.signal }, work);
    await expect.poll(() => isWaitedFor(name)).toBe(true);
    controller.abort();
    await working;
    release();
    expect(await workAlone(name, 1_000, async () => undefined)).toBe('done');
    expect(work).not.toHaveBeenCalled();
  });

  test('is done beside others who share the lock', async () => {
    const name = newLock();
    const release = await holdLock(name, 'shared', tooLong);
    const work = vi.fn(async () => undefined);
    await workInTurn(name, { mode: 'shared', signal: new AbortController().signal }, work);
    expect(work).toHaveBeenCalledOnce();
    release?.();
  });

  test('tells of what it throws', async () => {
    const failing = workInTurn(newLock(), { signal: new AbortController().signal }, () =>
      Promise.reject(new Error('no')),
    );
    await expect(failing).rejects.toThrow('no');
  });
});

describe('holding a lock', () => {
  test('is given up when somebody holds one against it who does not let go, and is not held later', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const name = newLock();
    const release = await held(name);
    const waiting = holdLock(name, 'shared', tooLong).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(29_999);
    expect(await isWaitedFor(name)).toBe(true);
    await vi.advanceTimersByTimeAsync(1);
    expect(await waiting).toMatchObject({ message: 'somebody else does not let go' });
    release();
    expect(await workAlone(name, 1_000, async () => undefined)).toBe('done');
    expect(vi.getTimerCount()).toBe(0);
  });

  test('is not given up when it was held in time', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const name = newLock();
    await held(name);
    await vi.advanceTimersByTimeAsync(60_000);
    expect((await navigator.locks.query()).held).toContainEqual(expect.objectContaining({ name }));
  });
});

describe('where there are no Web Locks', () => {
  afterEach(() => vi.unstubAllGlobals());

  test.each([
    ['in an insecure context', {}],
    ['in an old Node', undefined],
  ])('work is done at once, and nothing is held: %s', async (_where, navigator) => {
    const name = newLock();
    await held(name);
    vi.stubGlobal('navigator', navigator);
    const work = vi.fn(async () => undefined);
    await workIfFree(name, work);
    await workInTurn(name, { signal: new AbortController().signal }, work);
    expect(await workAlone(name, 1, work)).toBe('done');
    expect(work).toHaveBeenCalledTimes(3);
    expect(await holdLock(name, 'exclusive', tooLong)).toBeUndefined();
  });
});
