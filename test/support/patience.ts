/** For `vi.waitFor` and `vi.waitUntil`, whose own limit of a second is too short for a loaded machine. */
export const PATIENTLY = { timeout: 20_000, interval: 20 } as const;
