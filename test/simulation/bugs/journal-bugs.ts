/**
 * Bugs of a journal, put in front of a sound one.
 *
 * @module
 */
import type { WrapJournal } from '../machine/sim-storage.js';

const LATER_MS = 30;

/** Says that a record is durable when it is about to be written. */
export const acknowledgeEarly: WrapJournal = (journal, process, shared) => {
  let last: Promise<unknown> = Promise.resolve();
  return {
    ...journal,
    async append(position, bytes, options) {
      await last;
      if (position <= shared.records.length) return await journal.append(position, bytes, options);
      last = process
        .delay(LATER_MS)
        .then(() => journal.append(position, bytes, options))
        .catch(() => undefined);
      return 'appended';
    },
  };
};

/** Writes over what another tab has written. */
export const overwrite: WrapJournal = (journal, _process, shared) => ({
  ...journal,
  append(position, bytes, options) {
    if (position > shared.records.length) return journal.append(position, bytes, options);
    shared.records[position - 1] = bytes.slice();
    return Promise.resolve('appended');
  },
});

/** Does not wait until the disk has it. */
export const relaxAlways: WrapJournal = (journal) => ({
  ...journal,
  durability: 'relaxed',
});
