/**
 * By which names a host is reached. A page of anybody's can let a name of its own point to this machine, and is then of
 * the same origin as what listens here: whoever asks for no token is protected by nothing else than the name.
 *
 * @module
 */
import { ForbiddenError, PROTOCOL_2_VERSION, PROTOCOL_HEADER } from '../../sync/protocol/index.js';
import { answerOf } from '../error-answer.js';
import { HOSTNAME_DEFAULT } from './host-options.js';
import type { NodeHostOptions } from './host-options.js';

type Fetch = (request: Request) => Response | Promise<Response>;

const LOCAL_NAME = /^(?:.+\.)?localhost$/;
// An address is not a name: nobody can let it point elsewhere.
const ADDRESS = /^(?:\[[0-9a-f:.]+\]|\d+\.\d+\.\d+\.\d+)$/;
const LOOPBACK = /^(?:(?:.+\.)?localhost|127\.\d+\.\d+\.\d+|::1|\[::1\])$/i;

/** Refuses requests by other names than the host is reached by, where that is known. */
export function hostGuard(
  options: Pick<NodeHostOptions, 'allowedHosts' | 'allowAnonymous' | 'hostname'>,
  fetch: Fetch,
): Fetch {
  const { hostname = HOSTNAME_DEFAULT, allowAnonymous = false } = options;
  const allowed = options.allowedHosts ?? (allowAnonymous && LOOPBACK.test(hostname) ? [] : undefined);
  if (allowed === undefined) return fetch;
  const names: ReadonlySet<string> = new Set(allowed);
  return (request) => {
    const name = nameOf(request);
    const isKnown = names.has(name) || LOCAL_NAME.test(name) || ADDRESS.test(name);
    return isKnown ? fetch(request) : refusal();
  };
}

/** As it was asked for, in lower case, without the port. */
function nameOf(request: Request): string {
  const host = `http://${request.headers.get('host') ?? ''}`;
  return URL.canParse(host) ? new URL(host).hostname : '';
}

function refusal(): Response {
  const { status, body } = answerOf(
    new ForbiddenError('This host is not reached by this name. Allow it with allowedHosts (--allow-host).'),
  );
  return Response.json(body, {
    status,
    headers: { [PROTOCOL_HEADER]: PROTOCOL_2_VERSION, 'cache-control': 'no-store' },
  });
}
