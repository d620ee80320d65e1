import { env } from 'cloudflare:workers';
import { D1ProcessRecorder } from '../../../src/persistence/d1/d1-recorder.js';
import type { D1RecorderOptions } from '../../../src/persistence/d1/d1-recorder.js';
import { newName } from './object-context.js';

export const D1_ENGINE = 'D1';

/** A recorder whose log is empty, beside others in the database. */
export async function openEmptyD1(options: D1RecorderOptions = {}): Promise<D1ProcessRecorder> {
  const recorder = new D1ProcessRecorder(env.D1, { ...newTables(), ...options });
  await recorder.createTable();
  return recorder;
}

/** Names of tables that nobody else has. */
export function newTables(): Required<Pick<D1RecorderOptions, 'eventsTable' | 'trackingTable'>> {
  return { eventsTable: newName(), trackingTable: newName() };
}
