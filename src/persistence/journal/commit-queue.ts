/**
 * Commits that wait for their outcome: those that arrive while one is in flight form a group, which becomes one record
 * and one transaction, with an outcome for each.
 *
 * @module
 */
import { CommitCheck, notificationIdsOf } from './replica.js';
import type { DecidedOn } from '../past.js';
import type { NotificationId, StoredEvent, Tracking } from '../stored-event.js';
import type { JournalFollower } from './journal-follower.js';
import type { JournalCommit } from './journal-record.js';
import type { Durability } from './journal.js';
import type { UnitMark } from './unit-mark.js';

// Commits in one record: a record must fit in memory several times over while it is written.
const GROUP_COMMITS_MAX = 1_000;
// And bytes: what a browser refuses because it is too large, or finds no room for, is the group, not one commit of it.
const GROUP_BYTES_MAX = 16 * 1024 * 1024;

/** One call of `insertEvents`, validated. */
export interface CommitRequest {
  readonly events: readonly StoredEvent[];
  /** The same events as `packEvents` makes them, if the caller has them so already. */
  readonly packedEvents: Uint8Array | undefined;
  readonly tracking: Tracking | undefined;
  /** Made by the caller, so that it is the same however often the commit is checked. */
  readonly unit: UnitMark;
  /** What the events were decided on, where that is to be looked at. */
  readonly decidedOn?: readonly DecidedOn[] | undefined;
  /** What is asked for; the store's own where it is undefined. */
  readonly durability: Durability | undefined;
}

interface PendingCommit extends CommitRequest {
  resolve(ids: readonly NotificationId[]): void;
  reject(error: unknown): void;
}

/** What a check says of a group. */
interface CheckedGroup {
  readonly checked: readonly (readonly [PendingCommit, JournalCommit])[];
  readonly refused: readonly (readonly [PendingCommit, unknown])[];
}

/** Checks, journals and applies commits, a group at a time. */
export class CommitQueue {
  readonly #follower: JournalFollower;
  // Its bound is the caller's memory: each entry is a call that waits.
  readonly #queue: PendingCommit[] = [];
  #running = false;

  constructor(follower: JournalFollower) {
    this.#follower = follower;
  }

  /** Whether commits wait, or are in flight. */
  get isBusy(): boolean {
    return this.#running;
  }

  /**
   * @returns the ids, once they are durable and the replica holds the events
   * @throws IntegrityError (`INTEGRITY_ERROR`) when a position is taken; the other commits of the group stand
   * @throws BacklogFullError (`BACKLOG_FULL`) when enough is pending; the other commits of the group stand
   */
  add(request: CommitRequest): Promise<readonly NotificationId[]> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ ...request, resolve, reject });
      void this.#run();
    });
  }

  /** Works the queue off, a group at a time. Never rejects: every outcome goes to the commit that it is about. */
  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    // Calls of one tick form one group even when nothing is in flight yet.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      // Taken in its turn: what comes while another piece of work is in flight belongs to this group too.
      const group: PendingCommit[] = [];
      try {
        await this.#follower.exclusive(() => {
          for (const commit of this.#queue.splice(0, this.#groupLength())) group.push(commit);
          return this.#commitGroup(group);
        });
      } catch (error) {
        for (const commit of group) commit.reject(error);
      }
    }
    this.#running = false;
  }

  /** How many of those that wait form the next group: at least one. */
  #groupLength(): number {
    let bytes = 0;
    const end = this.#queue.findIndex((commit, index) => {
      bytes += bytesOf(commit);
      return index >= GROUP_COMMITS_MAX || (index > 0 && bytes > GROUP_BYTES_MAX);
    });
    return end === -1 ? this.#queue.length : end;
  }

  async #commitGroup(group: readonly PendingCommit[]): Promise<void> {
    // Of all, because a commit that is refused now may be accepted in another place.
    const durabilities = group.map(({ durability }) => durability);
    for (;;) {
      this.#follower.assertSound();
      // Perhaps on an older state: what is refused there is refused for good, and the rest is checked again.
      let outcomes = checkGroup(this.#follower, group);
      const commits = (): readonly JournalCommit[] => outcomes.checked.map(([, commit]) => commit);
      const recheck = (): readonly JournalCommit[] => {
        outcomes = checkGroup(this.#follower, group);
        return commits();
      };
      // Where another tab was first, the whole group is checked anew.
      const isNoneLeft = outcomes.checked.length === 0;
      if (!isNoneLeft && (await this.#follower.append(commits(), durabilities, recheck)) === 'position-taken') continue;
      for (const [pending, commit] of outcomes.checked) pending.resolve(notificationIdsOf(commit));
      for (const [pending, error] of outcomes.refused) pending.reject(error);
      return;
    }
  }
}

/**
 * Gives ids to the commits that can be. Settles none: a commit that is refused because of one before it in the group
 * is refused for good only when that one is durable.
 */
function checkGroup(follower: JournalFollower, group: readonly PendingCommit[]): CheckedGroup {
  const { replica } = follower;
  replica.expect?.(new Set(group.flatMap(({ events }) => events.map(({ originatorId }) => originatorId))));
  let units = 0;
  const check = new CommitCheck(replica, (commit) => follower.assertRoom([commit], units));
  const checked: [PendingCommit, JournalCommit][] = [];
  const refused: [PendingCommit, unknown][] = [];
  for (const pending of group) {
    try {
      const { packedEvents } = pending;
      const commit = check.check(pending.events, pending.tracking, pending.unit, pending.decidedOn);
      if (pending.events.length > 0) units++;
      checked.push([pending, packedEvents === undefined ? commit : { ...commit, packedEvents }]);
    } catch (error) {
      refused.push([pending, error]);
    }
  }
  return { checked, refused };
}

function bytesOf({ events, packedEvents }: CommitRequest): number {
  return packedEvents?.length ?? events.reduce((sum, { state }) => sum + state.length, 0);
}
