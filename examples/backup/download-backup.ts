import type { Daybook } from 'daybook';

// The browser has begun the download long before.
const LINK_LIFE_MS = 60_000;

/** Offers the whole store as a download. */
export async function downloadBackup(daybook: Daybook, today: string): Promise<void> {
  // The browser keeps a large blob on disk, not in memory.
  const file = await new Response(daybook.storage.export()).blob();
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = `${daybook.name}-${today}.daybook`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), LINK_LIFE_MS);
}
