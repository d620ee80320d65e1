import { afterEach, expect, it, vi } from 'vitest';
import { startNodeHost } from '../../../src/server/hosts/index.js';

const loaded = vi.fn();

vi.mock('@opentelemetry/api', () => {
  loaded();
  throw new Error('Cannot find package');
});

afterEach(() => {
  loaded.mockReset();
});

// Its folder cannot be made: whoever gets that far says so.
const base = { allowAnonymous: true, databaseDir: '/dev/null/daybook' };

it.each([undefined, false])('loads nothing of OpenTelemetry where nobody asks for it: %s', async (telemetry) => {
  await expect(startNodeHost({ ...base, telemetry })).rejects.toMatchObject({ code: 'DATABASE_FOLDER' });
  expect(loaded).not.toHaveBeenCalled();
});

it('says which package is missing, before anything is started', async () => {
  const refused = startNodeHost({ ...base, telemetry: true });
  await expect(refused).rejects.toMatchObject({
    code: 'NOT_SUPPORTED',
    message: expect.stringContaining('@opentelemetry/api') as string,
  });
  expect(loaded).toHaveBeenCalled();
});
