/**
 * The configuration of an application's event sourcing.
 *
 * ```text
 * key                           default
 * enabled                       false
 * name                          none
 * store.provider                memory
 * store.url                     data.relational.url, then sqlite:///./app.db
 * snapshot.provider             memory
 * snapshot.url                  data.relational.url, then sqlite:///./app.db
 * publisher.destination         daybook.events
 * data.relational.url           none
 * data.relational.pool_size     POSTGRES_POOL_SIZE
 * data.relational.max_overflow  POSTGRES_POOL_MAX_OVERFLOW
 * data.relational.pool_timeout  POSTGRES_POOL_TIMEOUT
 * data.relational.pool_recycle  POSTGRES_CONN_MAX_AGE
 * data.relational.pool_pre_ping POSTGRES_PRE_PING
 * ```
 *
 * @module
 */
import { DESTINATION_DEFAULT } from '../application/outbox/message-format.js';
import type { EnvironmentValues } from '../environment/environment.js';
import { ConfigSection } from './config-section.js';
import { configurationError } from './configuration-error.js';
import { EXPECTED_ADDRESS, mongoAddress, postgresAddress, sqlitePath } from './database-address.js';

const PROVIDERS = ['memory', 'sqlite', 'postgres', 'mongodb'] as const;
const ADDRESS_OF = { sqlite: sqlitePath, postgres: postgresAddress, mongodb: mongoAddress } as const;
const SQLITE_URL_DEFAULT = 'sqlite:///./app.db';
const FALLBACK_KEY = 'data.relational.url';
// What is left of the 40 characters of a table's name when the longest ending is in it.
const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,32}$/;

/** Where something is kept: nowhere, in a file, in PostgreSQL, or in MongoDB. */
export type StoreProvider = (typeof PROVIDERS)[number];

/** Where events, or snapshots, are kept. What is null or blank counts as not set. */
export interface StoreConfig {
  /** @defaultValue `memory` */
  readonly provider?: StoreProvider | null | undefined;
  /**
   * An address that fits the provider, see docs/configuration.md. Without a provider it is refused, because events that
   * were meant for a database would be lost with the process.
   *
   * @defaultValue `data.relational.url`; then, for `sqlite`, the file `app.db` in the working folder
   */
  readonly url?: string | null | undefined;
}

/** What `createEventSourcing` is told, as it may stand in a file. What is null or blank counts as not set. */
export interface EventSourcingConfig {
  /** Whether anything is made at all. @defaultValue false */
  readonly enabled?: boolean | null | undefined;
  /**
   * The application's name: 1 to 33 letters, digits and `_`. Names its tables, and settings that are its own.
   *
   * @defaultValue none
   */
  readonly name?: string | null | undefined;
  readonly store?: StoreConfig | null | undefined;
  readonly snapshot?: StoreConfig | null | undefined;
  readonly publisher?:
    | {
        /** The subject, topic or channel of the messages. @defaultValue `daybook.events` */
        readonly destination?: string | null | undefined;
      }
    | null
    | undefined;
  /** The service's configuration of databases; what else is in it is left alone. */
  readonly data?: { readonly relational?: RelationalConfig | null | undefined } | null | undefined;
}

/** A service's database, and the pool of its connections as SQLAlchemy names it. */
export interface RelationalConfig {
  readonly url?: string | null | undefined;
  /** Connections that are kept open. As the others here for PostgreSQL at this url, and before the settings. @defaultValue `POSTGRES_POOL_SIZE` */
  readonly pool_size?: number | null | undefined;
  /** Connections above that, at most. @defaultValue `POSTGRES_POOL_MAX_OVERFLOW` */
  readonly max_overflow?: number | null | undefined;
  /** Seconds to wait for a connection. @defaultValue `POSTGRES_POOL_TIMEOUT` */
  readonly pool_timeout?: number | null | undefined;
  /** Seconds after which a connection is replaced. @defaultValue `POSTGRES_CONN_MAX_AGE` */
  readonly pool_recycle?: number | null | undefined;
  /** Whether connections are tried before they are used. @defaultValue `POSTGRES_PRE_PING` */
  readonly pool_pre_ping?: boolean | null | undefined;
}

/** Where something is kept, with an address as its engine takes it. */
export type StorePlace =
  | { readonly provider: 'memory' }
  | { readonly provider: 'sqlite' | 'mongodb'; readonly address: string }
  | { readonly provider: 'postgres'; readonly address: string; readonly pool: EnvironmentValues };

/** A configuration with its defaults, checked. */
export interface CheckedConfig {
  readonly isEnabled: boolean;
  /** Empty when there is none. */
  readonly name: string;
  readonly store: StorePlace;
  readonly snapshot: StorePlace;
  readonly destination: string;
}

/**
 * Checks a configuration, also one that is not enabled.
 *
 * @throws ConfigurationError (`CONFIGURATION_ERROR`) naming the key that is wrong, or that there is not
 */
export function checkConfig(config: EventSourcingConfig): CheckedConfig {
  const root = ConfigSection.of(config).onlyHas('enabled', 'name', 'store', 'snapshot', 'publisher', 'data');
  const relational = root.section('data').section('relational');
  const fallback = { url: relational.text('url'), pool: poolOf(relational) };
  return {
    isEnabled: root.boolean('enabled') ?? false,
    name: nameOf(root),
    store: placeOf(root.section('store'), fallback),
    snapshot: placeOf(root.section('snapshot'), fallback),
    destination: root.section('publisher').onlyHas('destination').text('destination') ?? DESTINATION_DEFAULT,
  };
}

function nameOf(root: ConfigSection): string {
  const name = root.text('name') ?? '';
  if (name === '' || NAME.test(name)) return name;
  throw configurationError(['name'], name, '1 to 33 letters, digits and _, with no digit first');
}

/** What the service's configuration says of the pool, under the names of the settings. */
function poolOf(relational: ConfigSection): EnvironmentValues {
  const prePing = relational.boolean('pool_pre_ping');
  const found: Readonly<Record<string, number | string | undefined>> = {
    POSTGRES_POOL_SIZE: relational.amount('pool_size'),
    POSTGRES_POOL_MAX_OVERFLOW: relational.amount('max_overflow'),
    POSTGRES_POOL_TIMEOUT: relational.amount('pool_timeout'),
    POSTGRES_CONN_MAX_AGE: relational.amount('pool_recycle'),
    POSTGRES_PRE_PING: prePing === undefined ? undefined : prePing ? 'yes' : 'no',
  };
  const set = Object.entries(found).filter(([, value]) => value !== undefined);
  return Object.fromEntries(set.map(([key, value]) => [key, String(value)]));
}

interface Fallback {
  readonly url: string | undefined;
  readonly pool: EnvironmentValues;
}

function placeOf(section: ConfigSection, fallback: Fallback): StorePlace {
  const url = section.onlyHas('provider', 'url').text('url');
  const provider = section.oneOf('provider', PROVIDERS);
  if (provider === undefined && url !== undefined) {
    const expected = `${PROVIDERS.join(', ')}, because ${section.pathOf('url')} is set`;
    throw configurationError([section.pathOf('provider')], undefined, expected);
  }
  if (provider === undefined || provider === 'memory') return { provider: 'memory' };
  const key = url === undefined ? FALLBACK_KEY : section.pathOf('url');
  const found = url ?? fallback.url ?? (provider === 'sqlite' ? SQLITE_URL_DEFAULT : undefined);
  const because = `because ${section.pathOf('provider')} is ${provider}`;
  const expected = `${EXPECTED_ADDRESS[provider]}, ${because}`;
  if (found === undefined) throw configurationError([section.pathOf('url'), FALLBACK_KEY], undefined, expected);
  const address = ADDRESS_OF[provider](found);
  if (address === undefined) throw configurationError([key], found, expected);
  if (provider !== 'postgres') return { provider, address };
  return { provider, address, pool: url === undefined ? fallback.pool : {} };
}
