// Starts a browser as the tests do, opens a page, and ends: exit code 0 says that it works, and the program's path
// is printed. Runs on the project's own Node.
// Arguments: chromium or firefox, and the program's path; an empty path stands for Playwright's own.
import { chromium, firefox } from 'playwright';

const [name, executablePath] = process.argv.slice(2);
const browserType = { chromium, firefox }[name];
// A Firefox that Playwright did not build is driven by WebDriver BiDi, which Playwright calls a channel.
const channel = name === 'firefox' && executablePath ? { channel: 'moz-firefox' } : {};
const browser = await browserType.launch({ ...channel, ...(executablePath ? { executablePath } : {}) });
try {
  const page = await browser.newPage();
  if ((await page.evaluate(() => 6 * 7)) !== 42) throw new Error('the page does not run scripts');
  console.log(executablePath || browserType.executablePath());
} finally {
  await browser.close();
}
