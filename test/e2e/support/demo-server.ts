import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../../../', import.meta.url);
const NODE = fileURLToPath(new URL('node_modules/.bin/node', ROOT));
const ENTRY = fileURLToPath(new URL('demo/server/start-demo.ts', ROOT));
const READY = /Daybook demo: (http:\/\/\S+)/;
// Beyond the server's own limits for each step of a start and of an end.
const START_WAIT_MS = 30_000;

/** The demo's real server, as a process of its own: page, sync and books at one address, which it keeps over restarts. */
export class DemoServer {
  readonly #env: Readonly<Record<string, string>>;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;
  #url = '';

  private constructor(env: Readonly<Record<string, string>>, args: readonly string[]) {
    this.#env = env;
    this.#args = args;
  }

  static async start(databaseUrl: string): Promise<DemoServer> {
    const server = new DemoServer({ DATABASE_URL: databaseUrl }, []);
    await server.start();
    return server;
  }

  /** In Cloudflare's runtime. @param dataDir - of what it stores */
  static async startEdge(dataDir: string): Promise<DemoServer> {
    const server = new DemoServer({ DAYBOOK_DEMO_DATA: dataDir }, ['--edge']);
    await server.start();
    return server;
  }

  /** The address of the page, without a slash at the end. */
  get url(): string {
    return this.#url;
  }

  /** What it wrote to its standard error, in all its lives. */
  errors = '';

  /** Starts it, again at the same address. Resolves when it answers. */
  async start(): Promise<void> {
    const port = this.#url === '' ? '0' : new URL(this.#url).port;
    const child = spawn(NODE, [ENTRY, ...this.#args], {
      env: { ...process.env, PORT: port, ...this.#env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.errors += text;
    });
    const url = await this.#readiness(child);
    if (this.#url !== '' && url !== this.#url) throw new Error(`The server came back at ${url}, not at ${this.#url}.`);
    this.#url = url;
  }

  /** Kills it with SIGKILL. Resolves when it is gone. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Ends it in good order. Resolves when it is gone. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.#end(signal);
  }

  /** How the one that ended last did. */
  exitCode: number | null | undefined;

  async #readiness(child: ChildProcess): Promise<string> {
    let output = '';
    return await new Promise((resolve, reject) => {
      const fail = (why: string): void => {
        clearTimeout(timer);
        child.kill('SIGKILL');
        reject(new Error(`The demo's server ${why}\n${output}${this.errors}`));
      };
      const timer = setTimeout(() => fail(`was not ready within ${START_WAIT_MS} ms.`), START_WAIT_MS);
      // After the promise is settled both say nothing new.
      child.once('exit', (code) => fail(`ended with ${code}.`));
      child.stdout?.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        const url = READY.exec(output)?.[1];
        if (url === undefined) return;
        clearTimeout(timer);
        resolve(url);
      });
    });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    [this.exitCode] = (await gone) as [number | null];
  }
}
