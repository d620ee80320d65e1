// Installs what is missing, so that every other script works on a fresh clone. Needs nothing but Node 20 and npm.
import { ensureBrowsers } from './lib/browser-setup.mjs';
import { ensureInstalled } from './lib/installed-packages.mjs';
import { ensureServers } from './lib/debian-servers.mjs';
import { main } from './lib/project.mjs';

await main(async () => {
  await ensureInstalled();
  if (process.argv.includes('--browsers')) console.log(await ensureBrowsers());
  if (process.argv.includes('--nats')) console.log(await ensureServers());
});
