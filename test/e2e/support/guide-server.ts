/**
 * The sync server of the guide: the command that it shows, with a database and a port of the test's own.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { BooksDatabase } from './books-database.js';
import { startBooksPostgres } from './books-postgres.js';
import type { BooksPostgres } from './books-postgres.js';
import { freePort } from './guide-app.js';

const CLI = fileURLToPath(new URL('../../../dist/cli.js', import.meta.url));

/** A PostgreSQL, and a server that is started when the guide comes to it. */
export class GuideServer implements AsyncDisposable {
  readonly #postgres: BooksPostgres;
  readonly #database: BooksDatabase;
  readonly #port: number;
  #process: ChildProcess | undefined;

  private constructor(postgres: BooksPostgres, database: BooksDatabase, port: number) {
    this.#postgres = postgres;
    this.#database = database;
    this.#port = port;
  }

  static async prepare(): Promise<GuideServer> {
    const postgres = await startBooksPostgres();
    return new GuideServer(postgres, await BooksDatabase.create(postgres.url), await freePort());
  }

  get address(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** @param command - the guide's, with its variables; its database and its port are replaced */
  async start(command: string): Promise<void> {
    const [, variables = '', args = ''] = /^(.*)npx daybook-server (.*)$/m.exec(command) ?? [];
    const env = Object.fromEntries(variables.split(' ').map((variable) => variable.split('=')));
    const own = args.split(' ').map((arg) => (arg === '8787' ? String(this.#port) : arg));
    const child = spawn(process.execPath, [CLI, ...own], {
      env: { ...process.env, ...env, DATABASE_URL: this.#database.url },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#process = child;
    await new Promise((resolve, reject) => {
      child.stdout.once('data', resolve);
      child.once('exit', (code) => reject(new Error(`The guide's server ended with ${code}.`)));
    });
  }

  async query(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const client = new pg.Client(this.#database.url);
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(`${sql} ORDER BY notification_id`)).rows;
    } finally {
      await client.end();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const running = this.#process;
    if (running?.exitCode === null) {
      running.kill();
      await new Promise((resolve) => running.once('exit', resolve));
    }
    await this.#database.close();
    await this.#postgres.close();
  }
}
