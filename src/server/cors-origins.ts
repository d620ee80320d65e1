/**
 * Origins as browsers send them, which is the only spelling that ever matches.
 *
 * @module
 */
import { optionRefused } from './operator/option-checks.js';

// Of apps: `capacitor://localhost`, for example. Their pages send what stands here, as it stands.
const APP_ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[a-z0-9._-]+$/;
const WEB_SCHEMES: ReadonlySet<string> = new Set(['http:', 'https:']);

/**
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when one could never match, or would match everybody: `*`, `null`, a path
 *   or a slash at the end, capitals, the port that goes without saying
 */
export function checkOrigins(option: string, origins: unknown): void {
  if (origins === undefined) return;
  if (!Array.isArray(origins)) throw optionRefused(option, 'a list of origins');
  for (const origin of origins as readonly unknown[]) checkOrigin(option, origin);
}

function checkOrigin(option: string, origin: unknown): void {
  // A star parses as the name of a host, and matches no page.
  if (typeof origin !== 'string' || origin.includes('*') || !URL.canParse(origin)) {
    throw optionRefused(option, 'origins such as https://stock.example, each by itself (no *)', origin ?? 'undefined');
  }
  const { protocol, origin: sent } = new URL(origin);
  const isExact = WEB_SCHEMES.has(protocol) ? sent === origin : APP_ORIGIN.test(origin);
  if (isExact) return;
  const expected = sent === 'null' ? 'origins such as https://stock.example' : `spelled as browsers send it: ${sent}`;
  throw optionRefused(option, expected, origin);
}
