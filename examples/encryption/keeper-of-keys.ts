import type { SqlRecorder } from 'daybook';
import { SqlSubjectKeys } from 'daybook/application';
import { createKeyHandler } from 'daybook/server';

/** Answers devices: `app.post('/keys', (c) => answerDevice(c.req.raw))`. */
export async function openKeeper(recorder: SqlRecorder, tokens: ReadonlyMap<string, ReadonlySet<string>>) {
  const keys = new SqlSubjectKeys({ recorder });
  await keys.createTables();
  const answerDevice = createKeyHandler({
    keys,
    authorize: (request) => {
      const customers = tokens.get(request.headers.get('authorization') ?? '');
      return customers && { mayHave: (customerId) => customers.has(customerId) };
    },
  });
  return { keys, answerDevice };
}
