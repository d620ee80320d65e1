import type { SqlRecorder } from 'daybook';
import { TrainingSchool } from './training-school.js';

/** Creates a table of the application's own. */
export async function createOwners(recorder: SqlRecorder): Promise<void> {
  await recorder.transaction(async ({ connection }) => {
    await connection.query('CREATE TABLE IF NOT EXISTS owners (dog TEXT PRIMARY KEY, owner TEXT NOT NULL)');
  });
}

/**
 * Takes a dog in: its owner in a table, the dog and its first trick as events. Both are committed, or neither.
 *
 * @returns what the dog can, as the transaction sees it
 */
export async function takeIn(recorder: SqlRecorder, dog: string, owner: string): Promise<readonly string[]> {
  return await recorder.transaction(async (transaction) => {
    await transaction.connection.query('INSERT INTO owners (dog, owner) VALUES ($1, $2)', [dog, owner]);
    // A transaction is a recorder: an application on it is part of it.
    const school = new TrainingSchool(transaction);
    await school.register(dog);
    await school.addTrick(dog, 'fetch ball');
    return await school.getTricks(dog);
  });
}

/** Whose dog it is. */
export async function ownerOf(recorder: SqlRecorder, dog: string): Promise<string | undefined> {
  const { rows } = await recorder.query('SELECT owner FROM owners WHERE dog = $1', [dog]);
  return rows[0]?.['owner'] as string | undefined;
}
