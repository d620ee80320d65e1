/**
 * Reading in the store of a worker: several reads that are asked for at once are one crossing.
 *
 * @module
 */
import type { Remote } from 'comlink';
import type { WorkerLink } from './worker-link.js';
import { decodeError } from '../domain/error-codec.js';
import { CLIENT_ERRORS } from '../host/protocol/client-errors.js';
import type { HostRead, HostReadName, StoreHost } from '../host/protocol/store-host.js';

/** The recorder of a store in a worker. */
export interface RemoteRecorder {
  readonly link: WorkerLink;
}

// Where each has the token of a transaction: in one, nothing is put together.
const TOKEN_AT: Readonly<Record<HostReadName, number>> = {
  ...{ query: 2, selectEvents: 2, selectPast: 2, selectNotifications: 1, maxNotificationId: 0, maxTrackingId: 1 },
  ...{ selectSetAside: Infinity, findUnits: Infinity },
};

const links = new WeakSet<WorkerLink>();

/** Puts together what is read over a link at once, from now on. */
export function readTogether(link: WorkerLink): void {
  if (links.has(link)) return;
  links.add(link);
  link.host = together(link.host);
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
