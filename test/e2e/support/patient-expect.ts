import { expect as base } from '@playwright/test';

// Two browsers, two servers and PostgreSQL at once keep a small machine busy; a wait that is over early costs nothing.
const WAIT_MS = 20_000;

/** Playwright's `expect`, with the time that a busy machine needs. */
export const expect = base.configure({ timeout: WAIT_MS });
