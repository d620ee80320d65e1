/** A store of an application with confirmed history of others that may leave it, and a server that has the same. */
import { Application } from '../../src/application/application.js';
import type { ApplicationOptions } from '../../src/application/application-options.js';
import { defineDecider } from '../../src/domain/decider.js';
import { command, event } from '../../src/domain/message-types.js';
import { historyDigest } from '../../src/persistence/history-digest.js';
import type { HistoryQuestion } from '../../src/persistence/history-digest.js';
import type { StoredEvent } from '../../src/persistence/stored-event.js';
import { newOriginatorId } from '../../src/testing/conformance/event-samples.js';
import { LogPages } from '../../src/testing/conformance/log-pages.js';
import { openTab } from './own-tables-tab.js';
import type { OwnTablesTab } from './own-tables-tab.js';
import { SharedJournal } from './shared-journal.js';

export interface Quantity {
  readonly quantity: number;
}

export const shelfOf = (stateVersion: number) =>
  defineDecider({
    name: 'Shelf',
    stateVersion,
    events: { Received: event<Quantity>(), Counted: event<Quantity>() },
    commands: { Receive: command<Quantity>(), Count: command<Quantity>() },
    initialState: () => ({ quantity: 0, received: 0 }),
    decide: {
      Receive: ({ data }) => ({ type: 'Received', data }),
      Count: ({ data }) => ({ type: 'Counted', data }),
    },
    evolve: {
      Received: ({ quantity, received }, { data }) => ({ quantity: quantity + data.quantity, received: received + 1 }),
      Counted: ({ received }, { data }) => ({ quantity: data.quantity, received }),
    },
  });
export const shelf = shelfOf(1);

export const receive = (quantity: number) => ({ type: 'Receive', data: { quantity } }) as const;

export interface Scene {
  readonly journal: SharedJournal;
  readonly tab: OwnTablesTab;
  readonly ids: readonly string[];
  /** What the server has after that. */
  readonly log: LogPages;
  readonly app: Application;
  /** Answers as a server that has all that others have recorded. */
  readonly digests: (questions: readonly HistoryQuestion[]) => Promise<readonly (string | undefined)[]>;
  readonly older: (id: string, upTo: number) => Promise<readonly StoredEvent[]>;
}

/** Two shelves with ten events each of others, all confirmed. */
export async function openScene(options: Partial<ApplicationOptions> = {}): Promise<Scene> {
  const theirs = await openTab(new SharedJournal());
  const journal = new SharedJournal();
  const tab = await openTab(journal);
  const ids = [newOriginatorId(), newOriginatorId()];
  const others = new Application({ recorder: theirs.recorder, aggregates: [shelf] });
  for (let turn = 1; turn <= 10; turn++) for (const id of ids) await others.execute(shelf, id, receive(turn));
  const log = await LogPages.after(tab.recorder);
  const events = await theirs.recorder.selectNotifications({ start: 1, limit: 100 });
  await tab.recorder.insertPage(log.next(...events.map(({ id: _id, ...stored }) => ({ events: [stored] }))));
  const older = (id: string, upTo: number): Promise<readonly StoredEvent[]> =>
    theirs.recorder.selectEvents(id, { lte: upTo });
  return {
    ...{ journal, tab, ids, older, log },
    app: new Application({ recorder: tab.recorder, aggregates: [shelf], ...options }),
    digests: async (questions) =>
      await Promise.all(
        questions.map(async ({ originatorId, upTo }) => historyDigest(await older(originatorId, upTo))),
      ),
  };
}

export const first = ({ ids }: Scene): string => ids[0] as string;
export const stateOf = async (app: Application, id: string, definition = shelf): Promise<unknown> =>
  (await app.repository.load(definition, id)).state;
