/**
 * The way in to synchronisation.
 *
 * @module
 */
import { ProgrammingError } from '../../persistence/errors.js';
import { checkedServerUrl, validateWord } from '../../persistence/validation.js';
import { APP_LABEL } from '../protocol/index.js';
import { RunningSync } from './running-sync.js';
import type { StartSyncOptions, Sync } from './start-sync-options.js';

/**
 * Keeps a store and a server's log in agreement, for ever, until closed: sends what is recorded here, once, and brings what
 * others record. What the server refuses for good, and what another event stands in the place of, is set aside, and the
 * rest goes on.
 *
 * One tab does it at a time, by a Web Lock. Another one goes on at once when that tab goes, is frozen, or cannot do it,
 * because its worker has died, or it is signed out; and within two seconds of a reason to, when it says nothing any more.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when `url` is no address of a server, an option is not what it should be,
 *   or the store has no units
 *
 * @example
 * ```ts
 * const sync = startSync({ store: daybook, url: 'https://sync.example.com', getToken: () => session.token });
 * sync.status.subscribe(({ pending, setAside }) => {
 *   // Nothing is said before it is known.
 *   if (pending === undefined) return;
 *   badge.textContent = pending === 0 && setAside === 0 ? 'All saved' : `${pending} on this device, ${setAside} set aside`;
 * });
 * ```
 */
export function startSync<Rebased = unknown>(options: StartSyncOptions<Rebased>): Sync {
  const { app, application, bootstrap, direction, onRebased, store, subject, tenant, url } = options;
  checkedServerUrl('url', url);
  validateWord('direction', direction, ['both', 'push', 'pull']);
  if (bootstrap !== undefined && typeof bootstrap !== 'boolean')
    throw refused('bootstrap', 'is neither true nor false');
  if (bootstrap === true && direction === 'push') {
    throw refused('bootstrap', 'has no use with push: of others, only what is about aggregates that are here comes');
  }
  if (application !== undefined && typeof application.decideAgain !== 'function')
    throw refused('application', 'is none: it has no decideAgain');
  if (bootstrap === true && application?.needsHistory === true) {
    throw refused(
      'bootstrap',
      'is not for an application with projections in line: they are made of all events, and would miss those that snapshots stand for. Leave it out, or keep such views on the server',
    );
  }
  if (onRebased !== undefined && typeof onRebased !== 'function') throw refused('onRebased', 'is no function');
  if (subject === '') throw refused('subject', 'must name one, or be left out');
  if (app !== undefined && !APP_LABEL.test(app))
    throw refused('app', 'must be a label of 1 to 100 printable characters of ASCII');
  if (tenant === '') throw refused('tenant', 'must name one, or be left out');
  if (store.recorder.supports?.units !== true) {
    throw refused('store', 'has a recorder without units. What openDaybook and openStore return has them');
  }
  return new RunningSync(options as StartSyncOptions);
}

function refused(option: string, why: string): ProgrammingError {
  return new ProgrammingError(`${option} ${why}.`, { details: { option } });
}
