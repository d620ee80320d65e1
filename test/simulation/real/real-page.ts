/**
 * A tab of a real run: the published build, the application of the simulation, and nothing to see.
 *
 * @module
 */
import { openDaybook, StorageLostError } from 'daybook';
import type { Daybook, StoredEvent } from 'daybook';
import { Application } from 'daybook/application';
import { startSync } from 'daybook/sync';
import { stock1, stock2 } from '../world/stock.js';
import { fulfil } from '../world/wishes.js';
import type { Fulfilling } from '../world/wishes.js';
import type { RealConflicts, RealEvent, RealLoss, RealTabCalls } from './real-messages.js';

const ALL = { eventsMax: 1_000_000, bytesMax: 1e9 };
const EVENTS_MAX = 1_000_000;
const decoder = new TextDecoder();

interface Opened extends Fulfilling {
  readonly store: Daybook;
  readonly subject: string;
}

let opening: Promise<Opened> | undefined;
let counted: RealConflicts = { conflicts: 0, decidedAgain: 0, withdrawn: 0, setAside: 0 };

const opened = async (): Promise<Opened> => {
  if (opening === undefined) throw new Error('Nothing is open.');
  return await opening;
};

const calls: RealTabCalls = {
  async open({ subject, release, url }) {
    let loss: RealLoss | undefined;
    const openStore = (): Promise<Daybook> => openDaybook({ name: 'simulated' });
    opening = (async () => {
      const store = await openStore().catch(async (error: unknown) => {
        if (!(error instanceof StorageLostError)) throw error;
        loss = lossOf(error);
        return await openStore();
      });
      const app = new Application({
        recorder: store.recorder,
        aggregates: [release === 1 ? stock1 : stock2],
        keepCommands: true,
        onRecorded: (listener) => store.onRecorded(listener),
      });
      startSync({
        ...{ store, url, application: app },
        getToken: () => subject,
        onRebased: (units) => {
          for (const { outcome } of units) {
            const name =
              outcome === 'withdrawn' ? 'withdrawn' : outcome.endsWith('changed') ? 'decidedAgain' : 'setAside';
            counted = { ...counted, conflicts: counted.conflicts + 1, [name]: counted[name] + 1 };
          }
        },
      });
      return { store, app, release, subject };
    })();
    const { store } = await opening;
    return { restoredUnits: store.restored?.units, loss };
  },

  async fulfil(wish) {
    const tab = await opened();
    try {
      return await fulfil(tab, tab.subject, wish);
    } catch (error) {
      const { name, message } = error as Error;
      return { name, message };
    }
  },

  async survey() {
    const { recorder } = (await opened()).store;
    const events = await recorder.selectNotifications({ start: 1, limit: EVENTS_MAX });
    const setAside = await recorder.selectSetAside(0, ALL);
    return {
      events: events.map((event) => ({ id: event.id, ...toText(event) })),
      setAside: setAside.map(({ id, reason, events: some }) => ({ id, reason, events: some.map(toText) })),
      progress: await recorder.syncProgress(),
      superseded: (await recorder.selectSuperseded()).units.length,
    };
  },

  async find(ids) {
    return await (await opened()).store.recorder.findUnits(ids);
  },

  conflicts: () => counted,
};

function lossOf({ message, details }: StorageLostError): RealLoss {
  const { isExact, missingUnits, missingUnitsTotal } = details;
  const units = typeof missingUnits === 'string' && missingUnits !== '' ? missingUnits.split(',') : [];
  return { message, units: isExact === true && missingUnitsTotal === units.length ? units : undefined };
}

function toText({ originatorId, originatorVersion, topic, state }: StoredEvent): RealEvent {
  return { originatorId, originatorVersion, topic, state: decoder.decode(state) };
}

declare global {
  var realTab: RealTabCalls | undefined;
}
globalThis.realTab = calls;
