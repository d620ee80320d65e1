import type { ListedCommand } from './command.js';

/** What `daybook` can do, in the order in which it is listed. */
export const COMMANDS: readonly ListedCommand[] = [
  {
    name: 'archive',
    summary: 'lets old events leave a store for files, and puts them back',
    load: async () => (await import('./archive-command.js')).ARCHIVE,
  },
  {
    name: 'copy-assets',
    summary: 'copies what a page loads by address, for bundlers that leave it behind',
    load: async () => (await import('./copy-assets-command.js')).COPY_ASSETS,
  },
  {
    name: 'doctor',
    summary: 'looks at a store in PostgreSQL and at its server, for people and for monitoring',
    load: async () => (await import('./doctor-command.js')).DOCTOR,
  },
  {
    name: 'export',
    summary: 'writes the events of a store into a file',
    load: async () => (await import('./event-commands.js')).EXPORT,
  },
  {
    name: 'import',
    summary: 'takes events of a file into a store',
    load: async () => (await import('./event-commands.js')).IMPORT,
  },
  {
    name: 'hash',
    summary: 'counts and hashes the events of a store',
    load: async () => (await import('./event-commands.js')).HASH,
  },
  {
    name: 'migrate',
    summary: 'applies numbered migrations to a database, and makes Daybook’s own tables',
    load: async () => (await import('./migrations/migrate-command.js')).MIGRATE,
  },
  {
    name: 'move-tenant',
    summary: 'takes a tenant of a sync server to another place, and removes the old rows',
    load: async () => (await import('./move-tenant-command.js')).MOVE_TENANT,
  },
  {
    name: 'schema',
    summary: 'prints the SQL that makes all tables',
    load: async () => (await import('./migrations/schema-command.js')).SCHEMA,
  },
];
