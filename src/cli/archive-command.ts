/**
 * `daybook archive`: old events of PostgreSQL and SQLite into archives, and back.
 *
 * @module
 */
import { createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { SqlEventIndex } from '../application/event-index/sql-event-index.js';
import { archivedHistory, archiveEvents, planArchive, positionBefore, restoreArchive } from '../archive/index.js';
import type { Archive, ArchiveChoiceOptions, ArchivedHistory } from '../archive/index.js';
import type { SqlRecorder } from '../persistence/sql/sql-recorder.js';
import { SqlSnapshotStore } from '../persistence/sql/sql-snapshot-store.js';
import { folderArchive } from '../server/hosts/folder-archive.js';
import { chunksOf } from '../util/byte-chunks.js';
import { EXIT, usageError } from './command.js';
import type { Command, CommandContext } from './command.js';
import { openCommandStore, parseOptions, STORE_OPTIONS, STORE_USAGE } from './command-store.js';
import type { CommandStore } from './command-store.js';
import { storedMetadata } from './stored-metadata.js';

const USAGE = `Usage: daybook archive --to <folder> (--up-to <position> | --before <time>) [options]
       daybook archive list | verify | fetch | restore [options]

Lets old events leave a store for files that were read back and compared: of each aggregate those before its snapshot. Nothing
is deleted that is not in a file. Broken off, run it again. Says what it did, as JSON; how it goes on, on the standard error.

${STORE_USAGE}

  --to <folder>          has the archives; it must be there. Of fetch: the file (the standard output)
  --up-to <position>     no event behind it leaves; all who follow the log have seen it
  --before <time>        no event leaves that is of this time or later, nor any behind it: 2025-01-01, or with a time of day and Z
  --by <time>            of events: recordedAt (the default), or occurredAt
  --event-index <table>  knows their times; without it the events are read
  --snapshots <table>    of the application (snapshots)
  --max <events>         to an archive (10,000); for so long writers wait
  --leave-columns        leaves behind what the columns event_id and metadata have
  --dry-run              counts what would leave, and changes nothing

  list                   the archives, a line of JSON for each
  verify [--id <id>]     reads archives where they are, and compares them with what was noted
  fetch --id <id>        gives the file of an archive, when it was compared
  restore --id <id>      puts its events back where they were; of one aggregate the last archive first
  --from <folder>        has the archives now, where they were moved

COMPRESSOR_TOPIC, CIPHER_TOPIC and CIPHER_KEY are those of the application: events are read for their ids and times.
Ends with 0 when it is done, 1 when it could not be, or an archive is not what was noted, and 2 when the line is wrong.`;

const TEXT = { type: 'string' } as const;
const FLAG = { type: 'boolean' } as const;
const PLACE_OPTIONS = { ...STORE_OPTIONS, id: TEXT, from: TEXT } as const;
const LEAVE_OPTIONS = {
  ...STORE_OPTIONS,
  ...{ to: TEXT, 'up-to': TEXT, before: TEXT, by: TEXT, 'event-index': TEXT, snapshots: TEXT, max: TEXT },
  ...{ 'dry-run': FLAG, 'leave-columns': FLAG },
} as const;

const TIME = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/;
const WHOLE = /^\d{1,15}$/;

/** `daybook archive` */
export const ARCHIVE: Command = {
  usage: USAGE,
  async run([first = '', ...rest], context) {
    if (first === '' || first.startsWith('-')) return await leave(first === '' ? [] : [first, ...rest], context);
    const action = Object.hasOwn(ACTIONS, first) ? ACTIONS[first as keyof typeof ACTIONS] : undefined;
    if (action === undefined) throw usageError(`There is no "${first}": ${Object.keys(ACTIONS).join(', ')}.`);
    return await action(rest, context);
  },
};

const ACTIONS = { list, verify, fetch: fetchOne, restore } as const;

async function leave(args: readonly string[], context: CommandContext): Promise<number> {
  const values = parseOptions(args, LEAVE_OPTIONS);
  const { to, by = 'recordedAt', before, 'up-to': upTo, 'dry-run': isDry = false, 'event-index': index } = values;
  if ((upTo === undefined) === (before === undefined)) throw usageError('Say how far: --up-to, or --before.');
  if (upTo !== undefined && !WHOLE.test(upTo)) throw usageError(`--up-to must be a position, but is ${upTo}.`);
  if (before !== undefined && !(TIME.test(before) && Number.isFinite(Date.parse(before)))) {
    throw usageError(`--before must be a time like 2025-01-01 or 2025-01-01T12:00Z, but is ${before}.`);
  }
  if (by !== 'recordedAt' && by !== 'occurredAt') throw usageError('--by: recordedAt or occurredAt.');
  if (values.max !== undefined && !/^[1-9]\d{0,6}$/.test(values.max)) throw usageError('--max: 1 to 9999999 events.');
  if (to === undefined && !isDry) throw usageError('Say where archives are kept: --to <folder>.');
  if (to !== undefined && !(await isFolder(to))) throw usageError(`--to: there is no folder ${to}.`);
  const decode = await storedMetadata(context.environment, values.name);
  return await withStore(values, context, async ({ recorder }) => {
    const { schema, snapshots: table } = values;
    const placed = { recorder, ...(schema === undefined ? {} : { schema }) };
    const { signal } = context;
    const bound =
      before === undefined
        ? { position: Number(upTo), first: undefined }
        : await positionBefore({
            ...{ recorder, by, before: new Date(before), signal },
            ...(index === undefined ? { decode } : { eventIndex: new SqlEventIndex({ ...placed, table: index }) }),
          });
    const stays = bound.first && { notificationId: bound.first.notificationId, time: bound.first.time ?? null };
    const choice: ArchiveChoiceOptions & { readonly recorder: SqlRecorder } = {
      ...{ recorder, decode, signal, upTo: bound.position },
      snapshots: new SqlSnapshotStore({ ...placed, ...(table === undefined ? {} : { table }) }),
    };
    const found = { upTo: bound.position, ...(stays === undefined ? {} : { stays }) };
    if (isDry) {
      context.write(JSON.stringify({ ...found, dryRun: true, ...(await planArchive(choice)) }));
      return EXIT.done;
    }
    const max = values.max === undefined ? {} : { eventsMax: Number(values.max) };
    const columns = values['leave-columns'] === true ? 'leave' : 'refuse';
    const done = { events: 0, archives: [] as string[] };
    for (let hasMore = true; hasMore;) {
      const archived = await archiveEvents({ ...choice, ...max, columns, place: folderArchive(to as string) });
      ({ hasMore } = archived);
      if (archived.uri === undefined) continue;
      done.events += archived.events;
      done.archives.push(archived.uri);
      context.warn(`${done.events} events have left, the last to ${archived.uri}`);
    }
    context.write(JSON.stringify({ ...found, ...done }));
    return EXIT.done;
  });
}

async function list(args: readonly string[], context: CommandContext): Promise<number> {
  const values = parseOptions(args, STORE_OPTIONS);
  return await withStore(values, context, async (store) => {
    for (const archive of await historyOf(store, undefined).archives()) context.write(JSON.stringify(archive));
    return EXIT.done;
  });
}

async function verify(args: readonly string[], context: CommandContext): Promise<number> {
  const values = parseOptions(args, PLACE_OPTIONS);
  return await withStore(values, context, async (store) => {
    const history = historyOf(store, values.from);
    const archives = values.id === undefined ? await history.archives() : [await archiveOf(history, values.id)];
    let code: number = EXIT.done;
    for (const archive of archives) {
      const problem = await problemOf(history, archive, context.signal);
      if (problem !== undefined) code = EXIT.failed;
      const { id, uri, events } = archive;
      context.write(JSON.stringify({ id, uri, events, isSound: problem === undefined, ...(problem && { problem }) }));
    }
    return code;
  });
}

/** What is wrong with an archive, where it is. */
async function problemOf(history: ArchivedHistory, archive: Archive, signal: AbortSignal): Promise<string | undefined> {
  try {
    await history.verify(archive, { signal });
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    return (error as Error).message;
  }
}

async function fetchOne(args: readonly string[], context: CommandContext): Promise<number> {
  const values = parseOptions(args, { ...PLACE_OPTIONS, to: TEXT });
  return await withStore(values, context, async (store) => {
    const history = historyOf(store, values.from);
    const archive = await archiveOf(history, values.id);
    await history.verify(archive, { signal: context.signal });
    const file = Readable.from(chunksOf(await fetcher(values.from)(archive)));
    if (values.to === undefined) await pipeline(file, process.stdout, { end: false });
    else await pipeline(file, createWriteStream(values.to, { flags: 'wx', flush: true }));
    const { id, uri, events, hash } = archive;
    (values.to === undefined ? context.warn : context.write)(JSON.stringify({ id, uri, events, hash }));
    return EXIT.done;
  });
}

async function restore(args: readonly string[], context: CommandContext): Promise<number> {
  const values = parseOptions(args, PLACE_OPTIONS);
  return await withStore(values, context, async (store) => {
    const archive = await archiveOf(historyOf(store, values.from), values.id);
    const { signal } = context;
    const events = await restoreArchive({
      recorder: store.recorder,
      archive,
      fetchArchive: fetcher(values.from),
      signal,
    });
    context.write(JSON.stringify({ id: archive.id, uri: archive.uri, events }));
    return EXIT.done;
  });
}

async function withStore(
  values: Parameters<typeof openCommandStore>[0],
  context: CommandContext,
  work: (store: CommandStore) => Promise<number>,
): Promise<number> {
  const store = await openCommandStore(values, context);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

function historyOf({ recorder }: CommandStore, from: string | undefined): ArchivedHistory {
  return archivedHistory({ recorder, fetchArchive: fetcher(from) });
}

/** @param from - where the files are now. @defaultValue where they were written */
function fetcher(from: string | undefined): (archive: Archive) => ReturnType<ReturnType<typeof folderArchive>['read']> {
  const place = folderArchive('.');
  return ({ uri }) => {
    if (from !== undefined) return place.read(pathToFileURL(join(from, basename(new URL(uri).pathname))).href);
    if (!uri.startsWith('file:')) throw usageError(`${uri} is no file of this machine: fetch it, and give --from.`);
    return place.read(pathToFileURL(fileURLToPath(uri)).href);
  };
}

async function archiveOf(history: ArchivedHistory, id: string | undefined): Promise<Archive> {
  const found = (await history.archives()).find((archive) => archive.id === id);
  if (found !== undefined) return found;
  throw usageError(
    id === undefined ? 'Say which archive: --id.' : `There is no archive ${id}: see daybook archive list.`,
  );
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true;
}
