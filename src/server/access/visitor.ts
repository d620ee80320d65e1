/**
 * Who sends a request, as far as a server knows.
 *
 * @module
 */
import { ForbiddenError } from '../../sync/protocol/index.js';

/** Who sends a request, as its token says. */
export interface Visitor {
  /**
   * Who it is, the same for as long as there are tokens of it: replicas are bound to it, and limits are its own. Empty
   * where nobody says, as with a token that everybody has.
   */
  readonly subject: string;
  /** The tenants whose log may be used; `'*'` is every one. A server with one log asks nobody. @defaultValue none */
  readonly tenants?: readonly string[] | '*' | undefined;
  /** What the token was given for, as it names it. @defaultValue none */
  readonly scopes?: readonly string[] | undefined;
  /** When the token ends, in milliseconds since 1970: a stream that was begun with it ends then. @defaultValue never */
  readonly expiresAtMs?: number | undefined;
}

/** Whoever is let in without being known. */
export const ANYBODY: Visitor = { subject: '', tenants: '*' };

/**
 * @throws ForbiddenError (`FORBIDDEN`) with `details.reason: 'tenant'`, alike for a tenant that there is and for one that
 *   there is not
 */
export function checkTenant({ tenants = [] }: Visitor, tenant: string): void {
  if (tenants === '*' || tenants.includes(tenant)) return;
  throw new ForbiddenError('The token is not good for this tenant.', { details: { reason: 'tenant' } });
}

/** The visitor that a function of the operator's has named; `undefined` when that is none. */
export function visitorOf(named: unknown): Visitor | undefined {
  if (typeof named !== 'object' || named === null) return undefined;
  const { subject, tenants, scopes, expiresAtMs } = named as Readonly<Record<keyof Visitor, unknown>>;
  // Without a text of its own nobody could be told from anybody else.
  if (typeof subject !== 'string' || subject === '') return undefined;
  if (tenants !== undefined && tenants !== '*' && !isTexts(tenants)) return undefined;
  if (scopes !== undefined && !isTexts(scopes)) return undefined;
  if (expiresAtMs !== undefined && !(typeof expiresAtMs === 'number' && Number.isFinite(expiresAtMs))) return undefined;
  return { subject, tenants, scopes, expiresAtMs };
}

function isTexts(values: unknown): values is readonly string[] {
  return Array.isArray(values) && values.every((value) => typeof value === 'string');
}
