/**
 * Devices in a process of their own, so that they and the server do not share a thread.
 *
 * @module
 */
import { fork } from 'node:child_process';
import { join } from 'node:path';
import type { LoadJob, LoadOutcome } from './load-jobs.js';

/** A process that runs jobs, one at a time. */
export interface LoadProcess {
  run(job: LoadJob): Promise<LoadOutcome>;
  close(): void;
}

/** Starts it. */
export function startLoadProcess(): LoadProcess {
  const child = fork(join(process.env['DAYBOOK_BENCH_FOLDER'] as string, 'dist/load-client.js'));
  return {
    run: (job) =>
      new Promise((resolve, reject) => {
        const died = (): void => reject(new Error('The process of the devices has ended.'));
        child.once('exit', died);
        child.once('message', (answer: { readonly outcome?: LoadOutcome; readonly error?: string }) => {
          child.off('exit', died);
          if (answer.outcome !== undefined) resolve(answer.outcome);
          else reject(new Error(`The devices failed: ${answer.error}`));
        });
        child.send(job);
      }),
    close: () => void child.disconnect(),
  };
}
