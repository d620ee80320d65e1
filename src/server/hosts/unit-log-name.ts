/**
 * What the tables of a host's units are called: after the application, as those of its events are.
 *
 * @module
 */
import { sha256Now } from '../../util/sha256-now.js';
import { toHex } from '../../persistence/sha256.js';

const PREFIX = 'daybook';
// With the prefix, and the longest ending, as long as the name of a table may be.
const NAME = /^[a-z0-9_]{1,22}$/;
const HASH_BYTES = 8;

/** For `PostgresUnitLogOptions.name`; the same for names that differ in capitals only, as those of the events are. */
export function unitLogName(applicationName: string | undefined): string {
  const name = applicationName?.toLowerCase() ?? '';
  if (name === '') return PREFIX;
  if (NAME.test(name)) return `${PREFIX}_${name}`;
  return `${PREFIX}_${toHex(sha256Now(new TextEncoder().encode(name)).subarray(0, HASH_BYTES))}`;
}
