/**
 * A real Chromium with a profile on disk, and in it a page for each contender.
 *
 * A private context would keep IndexedDB in memory, and no commit in it would be durable. Every contender has an
 * origin of its own (`<id>.localhost`), so each has its own database files and none waits for another's compaction.
 *
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium } from 'playwright';
import type { BrowserContext, Page } from 'playwright';
import type { ContenderInfo } from './contender.js';
import type { Job, ResultOf } from './job-host.js';
import type { SiteServer } from './site-server.js';

const QUIET = [
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
  // Memory is measured at once, and not at a time that the browser chooses.
  '--enable-blink-features=ForceEagerMeasureMemory',
];

declare global {
  interface Performance {
    /** Chromium's; not in TypeScript's library. */
    measureUserAgentSpecificMemory(): Promise<{ readonly bytes: number }>;
  }
}

/** A place where contenders run. */
export class BrowserLab {
  /** Name and version of the browser. */
  readonly browser: string;
  readonly #context: BrowserContext;
  readonly #server: SiteServer;
  readonly #profile: string;
  readonly #pages = new Map<string, Promise<Page>>();

  private constructor(context: BrowserContext, server: SiteServer, profile: string) {
    this.#context = context;
    this.#server = server;
    this.#profile = profile;
    this.browser = `Chromium ${context.browser()?.version() ?? 'of unknown version'}`;
  }

  /**
   * @param server - owned by the lab from then on
   * @param folder - a profile is made in it, and deleted at the end; on a disk, for a durable commit to mean something
   * @param executablePath - of the browser; empty where Playwright's own is to be used @defaultValue what scripts/bench.mjs set
   */
  static async open(
    server: SiteServer,
    folder: string,
    executablePath: string | undefined = process.env['CHROMIUM_PATH'],
  ): Promise<BrowserLab> {
    const profile = await mkdtemp(join(folder, 'profile-'));
    const context = await chromium.launchPersistentContext(profile, {
      args: QUIET,
      ...(executablePath ? { executablePath } : {}),
    });
    return new BrowserLab(context, server, profile);
  }

  /** Where a contender's pages come from. */
  originOf({ id }: ContenderInfo): string {
    return `http://${id}.localhost:${this.#server.port}`;
  }

  /**
   * Runs a job with a contender.
   *
   * @param tab - in which of the contender's tabs, all of which share its stores
   */
  async run<J extends Job>(contender: ContenderInfo, job: J, tab: number = 0): Promise<ResultOf<J>> {
    const page = await this.#page(contender, tab);
    try {
      const result = await page.evaluate((toRun) => globalThis.runJob?.(toRun), job as Job);
      return result as ResultOf<J>;
    } catch (cause) {
      throw new Error(`${contender.label} failed in ${job.kind}: ${String(cause)}`, { cause });
    }
  }

  /**
   * What a contender's page and worker hold in objects and buffers after garbage was collected, in bytes; WebAssembly's
   * memory is not part of it. Its pages are cross-origin isolated, as this measurement wants it.
   */
  async memoryBytes(contender: ContenderInfo, tab: number = 0): Promise<number> {
    const page = await this.#page(contender, tab);
    const measured = await page.evaluate(() => performance.measureUserAgentSpecificMemory());
    return measured.bytes;
  }

  async close(): Promise<void> {
    await this.#context.close();
    await this.#server.close();
    await rm(this.#profile, { recursive: true, force: true });
  }

  #page(contender: ContenderInfo, tab: number): Promise<Page> {
    const key = `${contender.id} ${tab}`;
    let opening = this.#pages.get(key);
    if (opening === undefined) {
      opening = this.#open(contender);
      this.#pages.set(key, opening);
    }
    return opening;
  }

  async #open(contender: ContenderInfo): Promise<Page> {
    const page = await this.#context.newPage();
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(error.message));
    await page.goto(`${this.originOf(contender)}/?contender=${contender.id}&place=${contender.place}`);
    await page
      .waitForFunction(() => globalThis.runJob !== undefined)
      .catch((cause: unknown) => {
        throw new Error(`${contender.label} does not start: ${errors.join('; ')}`, { cause });
      });
    return page;
  }
}
