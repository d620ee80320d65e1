/**
 * A store inside a worker: what the package's own worker is made of, for an application that runs there itself.
 *
 * @module
 */
export { serve } from './serve.js';
export type { SendErrorsOptions } from './protocol/error-transfer.js';
export { openStore } from './open-store.js';
export type { HostedStore, OpenStoreOptions } from './open-store.js';
export type { CommitOptions, DaybookInsertOptions, DaybookRecorder } from './protocol/daybook-recorder.js';
export type { BacklogLimits, HostReport } from './protocol/store-host.js';
