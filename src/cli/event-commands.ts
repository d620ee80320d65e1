/**
 * `daybook export`, `daybook import` and `daybook hash`: events of PostgreSQL, SQLite and browsers' stores, as files.
 *
 * @module
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { truncate } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { exportEvents } from '../transfer/export-events.js';
import type { EventsTransferProgress } from '../transfer/export-events.js';
import { hashEvents } from '../transfer/hash-events.js';
import { importEvents } from '../transfer/import-events.js';
import type { EventsFileSource } from '../transfer/import-events.js';
import { findResumePoint } from '../transfer/resume-point.js';
import type { ResumePoint } from '../transfer/resume-point.js';
import { EXIT, usageError } from './command.js';
import type { Command, CommandContext } from './command.js';
import { openCommandStore, parseOptions, STORE_OPTIONS, STORE_USAGE } from './command-store.js';
import { openReadStore, READ_OPTIONS, recognized, withStoreFile } from './read-store.js';

// Lines about how it goes on, for people who wait and for logs that are read later.
const NOTED_EVERY_EVENTS = 50_000;

const AFTER_USAGE = '  --after <position>     only events behind this position (0)';

const EXPORT_USAGE = `Usage: daybook export [--to <file>] [options]

Writes the events of a store into a new file, or to the standard output: lines of JSON with checkpoints, which
daybook import takes on any engine. Says their number and their hash, as JSON.

${STORE_USAGE}
  --store-file <file>    the file of a browser's store (.daybook)

  --to <file>            the file; it is not written over
  --resume               goes on with it, where it was broken off
${AFTER_USAGE}
  --leave-columns        leaves behind what the columns event_id and metadata have`;

const IMPORT_USAGE = `Usage: daybook import [--from <file>] [options]

Takes events of a file, or of the standard input, into a store, and creates the tables that are missing. Ends with what it did, as
JSON. What is there already is passed over: when it was broken off, run it again.

${STORE_USAGE}

  --from <file>          the file; also that of a browser's store (.daybook), which is read to its end before anything is stored`;

const HASH_USAGE = `Usage: daybook hash [options]

Counts and hashes the events of a store, as JSON: the same in two stores that have the same events in the same order.

${STORE_USAGE}
  --store-file <file>    the file of a browser's store (.daybook)

${AFTER_USAGE}`;

/** `daybook export` */
export const EXPORT: Command = {
  usage: EXPORT_USAGE,
  async run(args, context) {
    const values = parseOptions(args, {
      ...READ_OPTIONS,
      ...({ to: { type: 'string' }, after: { type: 'string' } } as const),
      ...({ resume: { type: 'boolean' }, 'leave-columns': { type: 'boolean' } } as const),
    });
    const after = toPosition(values.after);
    const { to, resume = false } = values;
    if (resume && (to === undefined || after !== undefined)) {
      throw usageError('--resume goes on with the file of --to, and without --after.');
    }
    const begun = resume && to !== undefined ? await findResumePoint(createReadStream(to)) : undefined;
    if (begun?.isComplete === true) {
      context.write(JSON.stringify(begun.checkpoint));
      return EXIT.done;
    }
    const store = await openReadStore(values, context);
    const note = noting(context);
    let done: EventsTransferProgress | undefined;
    try {
      const file = exportEvents(store.recorder, {
        ...(after === undefined ? {} : { after }),
        ...(begun?.checkpoint === undefined ? {} : { resume: begun.checkpoint }),
        columns: values['leave-columns'] === true ? 'leave' : 'refuse',
        signal: context.signal,
        onProgress: (progress) => note((done = progress)),
      });
      if (to === undefined) await pipeline(file, process.stdout, { end: false });
      else await writeFile(file, to, begun);
      const { last: _, ...checkpoint } = done as EventsTransferProgress;
      (to === undefined ? context.warn : context.write)(JSON.stringify(checkpoint));
    } finally {
      await store.close();
    }
    return EXIT.done;
  },
};

/** `daybook import` */
export const IMPORT: Command = {
  usage: IMPORT_USAGE,
  async run(args, context) {
    const values = parseOptions(args, { ...STORE_OPTIONS, from: { type: 'string' } });
    const store = await openCommandStore(values, context);
    try {
      await store.createTable();
      const options = { signal: context.signal, onProgress: noting(context) };
      const importing = async (events: EventsFileSource): Promise<void> =>
        context.write(JSON.stringify(await importEvents(store.recorder, events, options)));
      const given: AsyncIterable<Uint8Array> =
        values.from === undefined ? process.stdin : createReadStream(values.from);
      const { isStoreFile, source } = await recognized(given);
      if (isStoreFile) await withStoreFile(source, context, (file) => importing(exportEvents(file)));
      else await importing(source);
    } finally {
      await store.close();
    }
    return EXIT.done;
  },
};

/** `daybook hash` */
export const HASH: Command = {
  usage: HASH_USAGE,
  async run(args, context) {
    const values = parseOptions(args, { ...READ_OPTIONS, after: { type: 'string' } });
    const after = toPosition(values.after) ?? 0;
    const store = await openReadStore(values, context);
    try {
      const options = { after, signal: context.signal, onProgress: noting(context) };
      context.write(JSON.stringify(await hashEvents(store.recorder, options)));
    } finally {
      await store.close();
    }
    return EXIT.done;
  },
};

async function writeFile(
  file: ReadableStream<Uint8Array>,
  path: string,
  begun: ResumePoint | undefined,
): Promise<void> {
  if (begun !== undefined) await truncate(path, begun.keepBytes);
  await pipeline(file, createWriteStream(path, { flags: begun === undefined ? 'wx' : 'a', flush: true }));
}

function noting({ warn }: Pick<CommandContext, 'warn'>): (progress: EventsTransferProgress) => void {
  let next = NOTED_EVERY_EVENTS;
  return ({ events, position }) => {
    if (events < next) return;
    next = events - (events % NOTED_EVERY_EVENTS) + NOTED_EVERY_EVENTS;
    warn(`${events} events, up to position ${position}`);
  };
}

function toPosition(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw usageError(`--after must be a position, a whole number from 0 up, but is ${text}.`);
}
