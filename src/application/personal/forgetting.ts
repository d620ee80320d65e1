/**
 * How everybody hears that a person was forgotten: by an event like any other, which says what keys were destroyed, and
 * nothing of the person.
 *
 * @module
 */
import { defineDecider } from '../../domain/decider.js';
import type { DefinedDecider } from '../../domain/decider.js';
import { command, event } from '../../domain/message-types.js';
import type { Message } from '../../domain/message-types.js';
import { systemClock } from '../../util/clock.js';
import type { Clock } from '../../util/clock.js';
import { HistoryTruncatedError } from '../../persistence/errors.js';
import { pause } from '../../util/pause.js';
import { callListener } from '../../util/listeners.js';
import { randomUuid } from '../../util/random-uuid.js';
import { WorkLoop } from '../../util/work-loop.js';
import type { Rest } from '../../util/work-loop.js';
import type { SqlSubjectKeys } from './sql-subject-keys.js';
import type { SubjectKeys } from './subject-keys.js';

const RETRY_MS = 5_000;

/** The keys that were destroyed. */
export interface KeysDestroyed {
  /** At most {@link DESTROYED_KEYS_MAX}. */
  readonly keyIds: readonly string[];
}

const DESTROYED_KEYS_MAX = 500;

/** Says which keys were destroyed. Give it to every application that has personal fields: `aggregates: [customer, subjectForgetting]`. */
export const subjectForgetting: DefinedDecider<
  Readonly<Record<string, never>>,
  Message<'DestroyKeys', KeysDestroyed>,
  Message<'KeysDestroyed', KeysDestroyed>
> = defineDecider({
  name: 'SubjectForgetting',
  events: { KeysDestroyed: event<KeysDestroyed>() },
  commands: { DestroyKeys: command<KeysDestroyed>() },
  initialState: (): Readonly<Record<string, never>> => ({}),
  decide: { DestroyKeys: ({ data }): Message<'KeysDestroyed', KeysDestroyed> => ({ type: 'KeysDestroyed', data }) },
  evolve: { KeysDestroyed: (state) => state },
});

/** What {@link forgetSubject} needs of an application; `Application` has it. */
export interface ForgettingRecorder {
  execute(
    decider: typeof subjectForgetting,
    id: string,
    command: { readonly type: 'DestroyKeys'; readonly data: KeysDestroyed },
  ): Promise<unknown>;
}

/** What {@link followForgetting} needs of an application; `Application` has it. */
export interface ForgettingFeed {
  subscribe(options: {
    readonly aggregates: readonly (typeof subjectForgetting)[];
    readonly gt: number;
    readonly signal: AbortSignal;
  }): AsyncIterable<{ readonly notificationId: number; readonly data: KeysDestroyed }>;
}

/**
 * Forgets a person: destroys their keys where all keys are kept, and records that, so that devices destroy theirs. When it
 * fails half way, call it again.
 *
 * Views that hold what they read of the person are to be made again (`onForgotten`), here and on devices.
 *
 * @param app - has {@link subjectForgetting} among its aggregates
 * @param keys - of the keeper: devices only have some
 * @throws what the keys, or the recorder, throw
 */
export async function forgetSubject(app: ForgettingRecorder, keys: SubjectKeys, subject: string): Promise<void> {
  const keyIds = await keys.forget(subject);
  for (let start = 0; start < keyIds.length; start += DESTROYED_KEYS_MAX) {
    const data = { keyIds: keyIds.slice(start, start + DESTROYED_KEYS_MAX) };
    await app.execute(subjectForgetting, randomUuid(), { type: 'DestroyKeys', data });
  }
}

/** What {@link followForgetting} needs of keys; `SqlSubjectKeys` has it. */
export type FollowedKeys = Pick<SqlSubjectKeys, 'destroy' | 'onForgotten' | 'toFollow' | 'followed'>;

/** Options of {@link followForgetting}. */
export interface FollowForgettingOptions {
  readonly signal: AbortSignal;
  /**
   * Makes anew what was read of people who were forgotten: rebuilds views, then has what was deleted leave the storage
   * (`daybook.storage.eraseDeleted`, of the store of the keys too). Called until it resolves, at the next start too where this
   * one ends before it has; one call at a time, with all who wait for it. It may meet what is done already.
   *
   * @defaultValue nothing is made anew
   */
  readonly makeAnew?: ((subjects: readonly string[]) => Promise<void>) | undefined;
  /** Told when either fails; it tries again, five seconds later. @defaultValue nobody is told */
  readonly onFailed?: ((error: unknown) => void) | undefined;
  /** @defaultValue the platform's */
  readonly clock?: Clock | undefined;
}

/**
 * Destroys on this device what was destroyed elsewhere, as soon as that comes with the events; at every start also what came
 * before, which costs nothing where it is done. Where history leaves the store (`truncateHistory`), let it run all the time:
 * what has left is not looked at again.
 *
 * In every tab: each has caches of its own. Where two tabs make anew at once, the work is done twice.
 *
 * @param app - has {@link subjectForgetting} among its aggregates, and hears of what sync brings (`notifications`)
 * @returns when the signal is aborted
 *
 * @example
 * ```ts
 * const makeAnew = async () => {
 *   await customers.rebuild();
 *   for (const store of [daybook, keyStore]) await store.storage.eraseDeleted();
 * };
 * void followForgetting(app, local, { signal: closing.signal, makeAnew });
 * ```
 */
export async function followForgetting(
  app: ForgettingFeed,
  keys: FollowedKeys,
  options: FollowForgettingOptions,
): Promise<void> {
  await Promise.all([destroyAsTold(app, keys, options), makeAnewAsNeeded(keys, options)]);
}

async function destroyAsTold(
  app: ForgettingFeed,
  keys: FollowedKeys,
  { signal, onFailed, clock = systemClock }: FollowForgettingOptions,
): Promise<void> {
  let gt = 0;
  while (!signal.aborted) {
    try {
      for await (const { data, notificationId } of app.subscribe({ aggregates: [subjectForgetting], gt, signal })) {
        await keys.destroy(data.keyIds);
        gt = notificationId;
      }
    } catch (error) {
      const leftId = error instanceof HistoryTruncatedError ? error.details['notificationId'] : undefined;
      if (typeof leftId === 'number' && leftId > gt) {
        // What has left was followed before it did.
        gt = leftId;
        continue;
      }
      callListener(() => onFailed?.(error));
      // From the start: the store may be another one by now.
      gt = 0;
      await pause(clock, RETRY_MS, signal);
    }
  }
}

async function makeAnewAsNeeded(
  keys: FollowedKeys,
  { signal, makeAnew, onFailed, clock = systemClock }: FollowForgettingOptions,
): Promise<void> {
  if (makeAnew === undefined) return;
  const loop = new WorkLoop({
    clock,
    onStart: () => keys.onForgotten(() => loop.wake()),
    work: async (): Promise<Rest> => {
      const subjects = await keys.toFollow();
      if (subjects.length === 0) return { ms: Infinity };
      await makeAnew(subjects);
      await keys.followed(subjects);
      return 'none';
    },
    afterFailure: (error): Rest => {
      if (!signal.aborted) callListener(() => onFailed?.(error));
      return { ms: RETRY_MS };
    },
  });
  await loop.start(signal);
}
