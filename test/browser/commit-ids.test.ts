import { openDaybook } from 'daybook';
import type { Daybook } from 'daybook';
import { SqlCheckpoints, SqlCommitIds } from 'daybook/application';
import { checkpointCases, commitIdCases, newOriginatorId, sampleEvent } from 'daybook/testing';
import type { CheckpointsContext, CommitIdsContext } from 'daybook/testing';
import { expect, test } from 'vitest';
import { describeConformance } from '../support/run-conformance.js';
import { faultyWorker } from './faulty-worker.js';
import { newStoreName, openStore, withWorkers } from './open-store.js';

let tables = 0;

describeConformance<CommitIdsContext>(
  'the durable store in its worker, through Comlink',
  async () => {
    const daybook = await openDaybook({ name: newStoreName() });
    const recorder = daybook.recorder;
    return {
      context: {
        recorder,
        async openCommitIds(options) {
          const commits = new SqlCommitIds({ recorder, table: `commits_${++tables}`, ...options });
          await commits.createTables();
          return commits;
        },
      },
      close: async () => daybook.close(),
    };
  },
  { 'commit ids': commitIdCases },
  { variant: 'commit ids' },
);

describeConformance<CheckpointsContext>(
  'the durable store in its worker, through Comlink',
  async () => {
    const daybook = await openDaybook({ name: newStoreName() });
    const recorder = daybook.recorder;
    return {
      context: {
        recorder,
        async openCheckpoints(nowMs) {
          const clock = { nowMs: () => nowMs };
          const checkpoints = new SqlCheckpoints({ recorder, table: `checkpoints_${++tables}`, clock });
          await checkpoints.createTables();
          return checkpoints;
        },
      },
      close: async () => daybook.close(),
    };
  },
  { checkpoints: checkpointCases },
  { variant: 'checkpoints' },
);

async function commitIdsOf(daybook: Daybook): Promise<SqlCommitIds> {
  const commits = new SqlCommitIds({ recorder: daybook.recorder });
  await commits.createTables();
  return commits;
}

test('a commit whose reply was lost, sent again: recorded once, and answered', async () => {
  const name = newStoreName();
  const { files, inject, struck } = faultyWorker();
  const event = sampleEvent(newOriginatorId(), 1);
  const commitId = newOriginatorId();
  const send = (commits: SqlCommitIds): Promise<readonly number[]> =>
    commits.once(commitId, (transaction) => transaction.insertEvents([event]));
  await withWorkers(async (workers) => {
    const commits = await commitIdsOf(await openStore(name, files));
    await inject('lose-reply');
    const lost = struck('lose-reply');
    const commit = send(commits);
    await lost;
    workers[0]?.terminate();
    await expect(commit).rejects.toMatchObject({ code: 'WORKER_DIED' });
  });
  const again = await openStore(name);
  expect(await send(await commitIdsOf(again))).toEqual([1]);
  expect(await again.recorder.maxNotificationId()).toBe(1);
});

test('two tabs that send the same commit: recorded once, and both answered', async () => {
  const name = newStoreName();
  const tabs = [await openStore(name), await openStore(name)];
  const commits = await Promise.all(tabs.map(commitIdsOf));
  const event = sampleEvent(newOriginatorId(), 1);
  const commitId = newOriginatorId();
  const answers = await Promise.all(
    commits.map((ids) => ids.once(commitId, (transaction) => transaction.insertEvents([event]))),
  );
  expect(answers).toEqual([[1], [1]]);
});
