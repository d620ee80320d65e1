/**
 * The client of a store, for hooks: what adapters to frameworks are made of.
 *
 * @module
 */
export { createClient } from './client.js';
export type { ClientOptions, DaybookClient } from './client.js';
export type { ClientParts, ClientState, View, ViewOptions, ViewQuery } from './client-parts.js';
export type { CommandRuns, CommandState, ExecuteDecider, OwnCommand, ReceiptStage } from './command-runs.js';
export type { Observed } from './observed.js';
export type { Observable } from '../../util/observable.js';
export type { LiveState } from '../../live/live-query.js';
export type { LiveReads } from '../../live/live-reads.js';
