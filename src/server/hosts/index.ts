/**
 * Hosts of the sync server for Node.
 *
 * @module
 */
export { parseCliOptions, USAGE } from './cli-options.js';
export { startEmbeddedPostgres } from './embedded-postgres.js';
export type { EmbeddedPostgresOptions, EmbeddedPostgresServer } from './embedded-postgres.js';
export {
  AddressInUseError,
  DatabaseFolderError,
  DatabaseInUseError,
  DatabaseStartError,
  EmbeddedPostgresMissingError,
} from './host-errors.js';
export { startNodeHost } from './node-host.js';
export type { NodeHost, NodeHostContext, NodeHostOptions } from './node-host.js';
