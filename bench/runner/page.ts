/**
 * The script of a contender's page: starts the contender where it belongs, and offers `runJob` to the runner.
 *
 * @module
 */
import type { ContenderPlace } from './contender.js';
import type { Job, JobReply } from './job-host.js';

const parameters = new URL(location.href).searchParams;
const script = `/contenders/${parameters.get('contender')}.js`;
const place = parameters.get('place') as ContenderPlace;

if (place === 'page') {
  // Sets globalThis.runJob.
  await import(/* @vite-ignore */ script);
} else {
  const worker = new Worker(script, { type: 'module', name: script });
  globalThis.runJob = (job: Job) =>
    new Promise((resolve, reject) => {
      worker.onerror = (event) => reject(new Error(`${script}: ${event.message}`));
      worker.onmessage = ({ data }: MessageEvent<JobReply>) => {
        if ('error' in data) reject(new Error(data.error));
        else resolve(data.result);
      };
      worker.postMessage(job);
    });
}
