// Exit code 0 when the host of Playwright's browsers answers. Whoever starts this bounds its time.
import { setTimeout as delay } from 'node:timers/promises';

const host = process.env.PLAYWRIGHT_DOWNLOAD_HOST ?? 'https://cdn.playwright.dev';
const answer = await Promise.race([
  fetch(host, { method: 'HEAD', redirect: 'manual' }).catch((error) => error),
  delay(4_000, new Error('no answer')),
]);
// Any answer will do: the address itself is no file.
process.exit(answer instanceof Error ? 1 : 0);
