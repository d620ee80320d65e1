/**
 * The reader's folder, with what the guide tells to put there, and the reader's commands.
 *
 * @module
 */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer as createNetServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build, createServer, preview } from 'vite';
import { guidePage, makeGuideFolder, writeFiles } from '../../support/guide-steps.js';

const PROJECT = fileURLToPath(new URL('../../../', import.meta.url));
const SYNC_ADDRESS = 'http://localhost:8787';

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const server = createNetServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** One app that grows from page to page, always at the same address, so that its store stays. */
export class GuideApp implements AsyncDisposable {
  readonly #folder: ReturnType<typeof makeGuideFolder>;
  readonly #port: number;
  readonly #syncAddress: string;
  #stop: () => Promise<void> = () => Promise.resolve();

  private constructor(folder: ReturnType<typeof makeGuideFolder>, port: number, syncAddress: string) {
    this.#folder = folder;
    this.#port = port;
    this.#syncAddress = syncAddress;
  }

  /** @param syncAddress - where the sync server is, instead of the guide's own port */
  static async create(syncAddress: string): Promise<GuideApp> {
    const folder = makeGuideFolder();
    // As npm would install it. What it needs is found in the project's own folder, further up.
    const daybook = join(folder.path, 'node_modules/daybook');
    mkdirSync(daybook, { recursive: true });
    cpSync(join(PROJECT, 'package.json'), join(daybook, 'package.json'));
    cpSync(join(PROJECT, 'dist'), join(daybook, 'dist'), { recursive: true });
    return new GuideApp(folder, await freePort(), syncAddress);
  }

  get url(): string {
    return `http://localhost:${this.#port}/`;
  }

  /** Writes the files of a page. */
  write(page: number): this {
    writeFiles(guidePage(page), this.#folder.path, (text) => text.replaceAll(SYNC_ADDRESS, this.#syncAddress));
    return this;
  }

  /** `npm test`. @returns how many tests passed */
  async runTests(): Promise<number> {
    const vitest = join(PROJECT, 'node_modules/vitest/vitest.mjs');
    const report = join(this.#folder.path, 'report.json');
    const args = [vitest, 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
    // Rejects, with what was printed, when a test fails.
    await promisify(execFile)(process.execPath, args, { cwd: this.#folder.path });
    return (JSON.parse(readFileSync(report, 'utf8')) as { readonly numPassedTests: number }).numPassedTests;
  }

  /** `npm run dev`. */
  async serveSources(): Promise<void> {
    await this.#stop();
    const server = await createServer({ ...this.#vite, server: { port: this.#port, strictPort: true } });
    await server.listen();
    this.#stop = () => server.close();
  }

  /** `npm run build && npm run preview`. */
  async serveBuild(): Promise<void> {
    await this.#stop();
    await build(this.#vite);
    const server = await preview({ ...this.#vite, preview: { port: this.#port, strictPort: true } });
    this.#stop = () => server.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
    this.#folder.remove();
  }

  get #vite(): { readonly root: string; readonly logLevel: 'error' } {
    return { root: this.#folder.path, logLevel: 'error' };
  }
}
