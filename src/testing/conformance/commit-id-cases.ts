/**
 * What the ids of commits promise, on every engine that has SQL.
 *
 * @module
 */
import type { SqlCommitIds, SqlCommitIdsOptions } from '../../persistence/sql/sql-commit-ids.js';
import type { SqlRecorder } from '../../persistence/sql/sql-recorder.js';
import { expectEqual, expectRejection, expectTrue } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newOriginatorId, sampleEvent, sampleEvents } from './event-samples.js';

/** A recorder, and how to make ids of commits on it. */
export interface CommitIdsContext {
  /** It may hold events already. */
  readonly recorder: SqlRecorder;
  /** Makes an empty table of ids in the database of the recorder. */
  readonly openCommitIds: (options?: Pick<SqlCommitIdsOptions, 'clock'>) => Promise<SqlCommitIds>;
}

type Case = ConformanceCase<CommitIdsContext>;

const repeatedIsRecordedOnce: Case = {
  name: 'a commit that is repeated is recorded once, and gives what it gave',
  async run({ recorder, openCommitIds }) {
    const commits = await openCommitIds();
    const [id, commitId] = [newOriginatorId(), newOriginatorId()];
    expectEqual(await commits.has(commitId), false, 'an id that nobody used');
    const insert = (): Promise<readonly number[]> =>
      commits.once(commitId, (transaction) => transaction.insertEvents(sampleEvents(id, 1, 2)));
    const ids = await insert();
    expectEqual(await insert(), ids, 'the second attempt');
    expectEqual((await recorder.selectEvents(id)).length, 2, 'the events');
    expectEqual(await commits.has(commitId), true, 'an id that was used');
    const other = await commits.once(newOriginatorId(), (transaction) =>
      transaction.insertEvents([sampleEvent(id, 3)]),
    );
    expectEqual(other.length, 1, 'a commit under another id');
  },
};

const repeatedAtOnce: Case = {
  name: 'a commit that is sent several times at once is recorded once',
  async run({ recorder, openCommitIds }) {
    const commits = await openCommitIds();
    const [id, commitId] = [newOriginatorId(), newOriginatorId()];
    const attempts = Array.from({ length: 5 }, () =>
      commits.once(commitId, (transaction) => transaction.insertEvents([sampleEvent(id, 1)])),
    );
    const [first, ...others] = await Promise.all(attempts);
    for (const other of others) expectEqual(other, first, 'what the others give');
    expectEqual((await recorder.selectEvents(id)).length, 1, 'the events');
  },
};

const refusedLeavesNoId: Case = {
  name: 'work that rejects leaves no id, so that it can be tried again',
  async run({ recorder, openCommitIds }) {
    const commits = await openCommitIds();
    const [id, commitId] = [newOriginatorId(), newOriginatorId()];
    await recorder.insertEvents([sampleEvent(id, 1)]);
    const insert = (version: number): Promise<readonly number[]> =>
      commits.once(commitId, (transaction) => transaction.insertEvents([sampleEvent(id, version)]));
    await expectRejection(insert(1), 'INTEGRITY_ERROR', 'a position that is taken');
    expectEqual(await commits.has(commitId), false, 'the id');
    expectEqual((await insert(2)).length, 1, 'the next attempt');
    expectEqual((await recorder.selectEvents(id)).length, 2, 'the events');
  },
};

const resultsAreKept: Case = {
  name: 'what work resolves with is kept as JSON keeps it, and nothing as well',
  async run({ openCommitIds }) {
    const commits = await openCommitIds();
    const results = [undefined, null, 'a \u0000 é 🐈', 0.1, [1, [2]], { name: 'x', list: [true] }];
    for (const result of results) {
      const commitId = newOriginatorId();
      for (const attempt of ['first', 'second']) {
        expectEqual(await commits.once(commitId, async () => result), result, `the ${attempt} attempt`);
      }
    }
  },
};

const idsAreChecked: Case = {
  name: 'an id that cannot be kept is refused before the work begins',
  async run({ openCommitIds }) {
    const commits = await openCommitIds();
    for (const commitId of ['', 'x'.repeat(201), 'a\0b', '\ud800', 7 as unknown as string]) {
      let hasBegun = false;
      const attempt = commits.once(commitId, async () => {
        hasBegun = true;
        return undefined;
      });
      await expectRejection(attempt, 'PROGRAMMING_ERROR', 'an id that is none');
      await expectRejection(commits.has(commitId), 'PROGRAMMING_ERROR', 'a look for an id that is none');
      expectTrue(!hasBegun, 'the work has begun');
    }
  },
};

const oldOnesAreForgotten: Case = {
  name: 'ids are forgotten by their age, the oldest first, a part at a time',
  async run({ openCommitIds }) {
    let nowMs = 1_000;
    const commits = await openCommitIds({ clock: { nowMs: () => nowMs } });
    const ids = Array.from({ length: 5 }, newOriginatorId);
    for (const id of ids) {
      await commits.once(id, async () => nowMs);
      nowMs += 1_000;
    }
    const kept = async (): Promise<readonly boolean[]> => await Promise.all(ids.map((id) => commits.has(id)));
    expectEqual(await commits.deleteBefore(new Date(4_000), 2), 2, 'a part');
    expectEqual(await kept(), [false, false, true, true, true], 'the oldest are gone');
    expectEqual(await commits.deleteBefore(new Date(4_000), 2), 1, 'the rest');
    expectEqual(await kept(), [false, false, false, true, true], 'those of that moment, and later, stay');
    expectEqual(await commits.deleteBefore(new Date(4_000)), 0, 'there are no more');
    await expectRejection(commits.deleteBefore(new Date(Number.NaN)), 'PROGRAMMING_ERROR', 'no time');
    await expectRejection(commits.deleteBefore(new Date(9_000), -1), 'PROGRAMMING_ERROR', 'no number');
    expectEqual(await kept(), [false, false, false, true, true], 'nothing more is gone');
  },
};

const forgottenAtOnce: Case = {
  name: 'several that forget ids at once forget each once, and leave none',
  async run({ openCommitIds }) {
    const commits = await openCommitIds({ clock: { nowMs: () => 1_000 } });
    for (let count = 0; count < 12; count++) await commits.once(newOriginatorId(), async () => count);
    const forgotten = await Promise.all([4, 4, 4].map((limit) => commits.deleteBefore(new Date(2_000), limit)));
    expectEqual(forgotten, [4, 4, 4], 'what each has forgotten');
  },
};

/** For every engine with SQL. */
export const commitIdCases: readonly Case[] = [
  repeatedIsRecordedOnce,
  repeatedAtOnce,
  refusedLeavesNoId,
  resultsAreKept,
  idsAreChecked,
  oldOnesAreForgotten,
  forgottenAtOnce,
];
