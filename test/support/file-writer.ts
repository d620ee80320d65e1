// Runs as a process of its own: writes batches into a file, and prints the ids of each. Arguments: the file, the count.
import { openNodeSqlite } from '../../src/persistence/sqlite/node-sqlite-driver.js';
import { SqliteProcessRecorder } from '../../src/persistence/sqlite/sqlite-recorder.js';

const [path = '', count = '0'] = process.argv.slice(2);
const database = await openNodeSqlite({ path });
const recorder = new SqliteProcessRecorder(database);
const batches: (readonly number[])[] = [];
while (batches.length < Number(count)) {
  const originatorId = crypto.randomUUID();
  const state = new TextEncoder().encode('{}');
  const events = Array.from({ length: 5 }, (_, index) => ({
    originatorId,
    originatorVersion: index + 1,
    topic: 'topic1',
    state,
  }));
  batches.push(await recorder.insertEvents(events));
}
database.close();
console.log(JSON.stringify(batches));
