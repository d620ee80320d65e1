/**
 * What is written in the store of a worker, and reading there: several reads that are asked for at once are one crossing.
 *
 * @module
 */
import { proxy } from 'comlink';
import type { Remote } from 'comlink';
import type { WorkerLink } from './worker-link.js';
import { decodeError } from '../domain/error-codec.js';
import { CLIENT_ERRORS } from '../host/protocol/client-errors.js';
import type { HostRead, HostReadName, StoreHost } from '../host/protocol/store-host.js';
import { ChangeNews } from '../persistence/store-changes.js';
import type { ChangeSource } from '../persistence/store-changes.js';

/** The recorder of a store in a worker. */
export interface RemoteRecorder {
  readonly link: WorkerLink;
}

// Where each has the token of a transaction: in one, nothing is put together.
const TOKEN_AT: Readonly<Record<HostReadName, number>> = {
  ...{ query: 2, selectEvents: 2, selectPast: 2, selectNotifications: 1, maxNotificationId: 0, maxTrackingId: 1 },
  ...{ selectSetAside: Infinity, findUnits: Infinity },
};

const feeds = new WeakMap<WorkerLink, ChangeNews>();

/** What is written in the store at the other end of a link; one for all who ask. */
export function remoteChanges(link: WorkerLink): ChangeSource {
  const known = feeds.get(link);
  if (known !== undefined) return known;
  const feed = new ChangeNews();
  feeds.set(link, feed);
  link.host = together(link.host);
  if (link.refusal !== undefined) feed.end(link.refusal);
  link.onRefused((error) => feed.end(error));
  // It fails when the link does, which is told of as that.
  link.call((host) => host.onChanged(proxy((changes) => feed.noteChanged(changes)))).catch(() => undefined);
  return feed;
}

interface Waiting {
  readonly read: HostRead;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** The same host, which is asked at once for all that is asked for at once. */
function together(host: Remote<StoreHost>): Remote<StoreHost> {
  let waiting: Waiting[] = [];
  const send = (): void => {
    const sent = waiting;
    waiting = [];
    void readAll(host, sent);
  };
  return new Proxy(host, {
    get(target, name, receiver) {
      const tokenAt = TOKEN_AT[name as HostReadName] as number | undefined;
      if (tokenAt === undefined) return Reflect.get(target, name, receiver) as unknown;
      return (...given: unknown[]) =>
        new Promise((resolve, reject) => {
          const read: HostRead = [name as HostReadName, given];
          if (given[tokenAt] !== undefined) return void ask(target, read).then(resolve, reject);
          if (waiting.length === 0) queueMicrotask(send);
          waiting.push({ read, resolve, reject });
        });
    },
  });
}

async function readAll(host: Remote<StoreHost>, sent: readonly Waiting[]): Promise<void> {
  const [first] = sent;
  if (sent.length === 1 && first !== undefined) return void ask(host, first.read).then(first.resolve, first.reject);
  try {
    const outcomes = await host.readTogether(sent.map(({ read }) => read));
    outcomes.forEach((outcome, index) => {
      const { resolve, reject } = sent[index] as Waiting;
      if ('error' in outcome) reject(decodeError(outcome.error, CLIENT_ERRORS));
      else resolve(outcome.value);
    });
  } catch (error) {
    for (const { reject } of sent) reject(error);
  }
}

function ask(host: Remote<StoreHost>, [name, given]: HostRead): Promise<unknown> {
  return (host as unknown as Record<HostReadName, (...given: readonly unknown[]) => Promise<unknown>>)[name](...given);
}
