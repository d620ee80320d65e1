/**
 * For Node: hosts of the sync server, and an application's event sourcing from one configuration.
 *
 * @module
 */
export { folderArchive } from './folder-archive.js';
export { ConfigurationError } from '../../configuration/configuration-error.js';
export type { ConfigurationErrorDetails } from '../../configuration/configuration-error.js';
export { createEventSourcing } from '../../configuration/event-sourcing.js';
export type {
  ConfiguredApplicationOptions,
  EventSourcing,
  EventSourcingOptions,
} from '../../configuration/event-sourcing.js';
export type { EventSourcingConfig, StoreConfig, StoreProvider } from '../../configuration/event-sourcing-config.js';
export { createMigration, readMigrations } from '../../migrations/folder/migration-folder.js';
export { openStoreFile } from '../../transfer/store-files/open-store-file.js';
export type {
  OpenStoreFileOptions,
  StoreFileOrigin,
  StoreFileProgress,
  StoreFileRecorder,
} from '../../transfer/store-files/open-store-file.js';
export { parseCliOptions, USAGE } from './cli-options.js';
export type { CliOptions } from './cli-options.js';
export { startEmbeddedPostgres } from './embedded-postgres.js';
export type { EmbeddedPostgresOptions } from './embedded-options.js';
export type { EmbeddedPostgresServer } from './embedded-postgres.js';
export {
  AddressInUseError,
  DatabaseFolderError,
  DatabaseInUseError,
  DatabaseStartError,
  EmbeddedPostgresMissingError,
} from './host-errors.js';
export type { HostTenantsOptions } from './host-tenants.js';
export { startNodeHost } from './node-host.js';
export type { NodeHostContext, NodeHostOptions } from './host-options.js';
export type { NodeHost } from './node-host.js';
