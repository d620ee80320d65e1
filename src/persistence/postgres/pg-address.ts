/**
 * What connection strings say about TLS, in words that `pg` understands: others reach its sockets as they are, and end the
 * process there.
 *
 * @module
 */
import { ProgrammingError } from '../errors.js';

// As `ssl=` of other libraries has them.
const SSL_WORDS: ReadonlyMap<string, string> = new Map([
  ...['true', '1', 'yes', 'on'].map((word) => [word, 'ssl=true'] as const),
  ...['false', '0', 'no', 'off'].map((word) => [word, 'ssl=0'] as const),
  ...['disable', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'].map(
    (word) => [word, `sslmode=${word}`] as const,
  ),
]);
const SSL_PARAMETER = /([?&])ssl=([^&#]*)/gi;
const SSL_MODE = /[?&]sslmode=/i;

/**
 * A connection string with a word about TLS that `pg` takes for what it says.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when `ssl=` has another word
 */
export function checkedAddress(connectionString: string | undefined): string | undefined {
  return connectionString?.replaceAll(SSL_PARAMETER, (_, before: string, value: string) => {
    const word = SSL_WORDS.get(value.toLowerCase());
    if (word !== undefined) return before + (SSL_MODE.test(connectionString) ? '' : word);
    throw new ProgrammingError(
      `ssl= in a connection string is one of ${[...SSL_WORDS.keys()].join(', ')}, but is ${JSON.stringify(value.slice(0, 80))}.`,
      { details: { option: 'connectionString' } },
    );
  });
}
