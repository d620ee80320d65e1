/**
 * Addresses of databases, as they stand in configurations.
 *
 * ```text
 * sqlite:///./app.db, sqlite:./app.db   a file, from the working folder
 * sqlite:////var/lib/app.db             a file
 * sqlite://, :memory:                   in memory, gone when it is closed
 * file:…                                as SQLite understands it
 * postgresql://user:password@host/db    also postgres://, and @/db?host=/folder of a socket
 * mongodb://host/db?replicaSet=rs0      also mongodb+srv://, as MongoDB's driver understands it
 * ```
 *
 * The name of a Python driver after the scheme (`sqlite+aiosqlite`, `postgresql+asyncpg`) is left out: a service of both
 * languages keeps one configuration.
 *
 * @module
 */

const IN_MEMORY = ':memory:';
const SQLITE = /^sqlite(?:\+[a-z0-9_]+)?:(.+)$/i;
const MONGODB = /^mongodb(?:\+srv)?:\/\/[^/]+/i;
const POSTGRES = /^(?:postgres|postgresql)(?:\+[a-z0-9_]+)?:\/\/(.+)$/i;

/** What is expected of an address, for errors. */
export const EXPECTED_ADDRESS = {
  sqlite: 'an address of SQLite, such as sqlite:///./app.db, or :memory:',
  postgres: 'an address of PostgreSQL, such as postgresql://user:password@host/database',
  mongodb: 'an address of MongoDB, such as mongodb://user:password@host/database?replicaSet=rs0',
} as const;

/** The path for SQLite, or undefined when the address is not one of SQLite. */
export function sqlitePath(address: string): string | undefined {
  if (address === IN_MEMORY || address.startsWith('file:')) return address;
  const [, rest] = SQLITE.exec(address) ?? [];
  // With a question mark it would become a part of the file's name: settings of other libraries go there.
  if (rest === undefined || rest.includes('?')) return undefined;
  if (rest === '//' || rest === '///') return IN_MEMORY;
  if (!rest.startsWith('//')) return rest;
  // What stands between the second slash and the third is a host, and a file has none.
  return rest.startsWith('///') ? rest.slice('///'.length) : undefined;
}

/** The address for PostgreSQL, or undefined when it is not one of PostgreSQL. */
export function postgresAddress(address: string): string | undefined {
  const [, rest] = POSTGRES.exec(address) ?? [];
  const plain = `postgresql://${rest ?? ''}`;
  // Without a host before the path, a socket is named behind it: `user:password@/database?host=/cloudsql/…`.
  const whole = plain.replace(/^(postgresql:\/\/[^/?#]*@)(?=\/)/, '$1localhost');
  return rest !== undefined && URL.canParse(whole) ? plain : undefined;
}

/** The address for MongoDB, or undefined when it is not one of MongoDB. */
export function mongoAddress(address: string): string | undefined {
  return MONGODB.test(address) ? address : undefined;
}
