import type { Page } from '@playwright/test';

// What would be shown too early is shown after a few of these.
const QUESTIONS_MEANWHILE = 300;

/** A transaction of the test's own, which no other transaction can overtake. */
export interface StorageHold {
  /** Resolves when the storage has answered many questions, and the page could have drawn itself several times. */
  letTimePass(): Promise<void>;
  release(): Promise<void>;
}

interface HeldStorage {
  /** Questions that the storage has answered. */
  answers: number;
  released: boolean;
}

/** Holds all IndexedDB databases of the page's origin up: what the app writes from now on waits. */
export async function holdStorage(page: Page): Promise<StorageHold> {
  const held = await page.evaluateHandle(async (): Promise<HeldStorage> => {
    const state: HeldStorage = { answers: 0, released: false };
    for (const { name = '' } of await indexedDB.databases()) {
      const opening = indexedDB.open(name);
      await new Promise((resolve) => (opening.onsuccess = resolve));
      const storeNames = [...opening.result.objectStoreNames];
      const store = opening.result.transaction(storeNames, 'readwrite').objectStore(storeNames[0] ?? '');
      // A transaction lives as long as each answer brings a new question.
      const ask = (onAnswer: () => void): void => {
        store.count().onsuccess = () => {
          state.answers++;
          onAnswer();
          if (state.released) opening.result.close();
          else ask(() => undefined);
        };
      };
      await new Promise<void>((resolve) => ask(resolve));
    }
    return state;
  });
  return {
    letTimePass: async () => {
      await held.evaluate(async (state, questions) => {
        const enough = state.answers + questions;
        while (state.answers < enough) await new Promise(requestAnimationFrame);
      }, QUESTIONS_MEANWHILE);
    },
    release: async () => {
      await held.evaluate((state) => {
        state.released = true;
      });
    },
  };
}
