import { randomUuid } from '../../util/random-uuid.js';

// A recorder has a dozen statements; whoever shares its pool adds some. More texts than this are made up as they go,
// and would fill the server's memory with plans that nobody uses again.
const NAMES_MAX = 200;

/** Names for the statements that a pool's connections keep, the same on all of them. */
export class PreparedNames {
  readonly #names = new Map<string, string>();
  #prefix = newPrefix();

  /** @returns undefined for a statement that is not to be kept */
  nameOf(text: string): string | undefined {
    const known = this.#names.get(text);
    if (known !== undefined || this.#names.size >= NAMES_MAX) return known;
    const name = `${this.#prefix}${this.#names.size + 1}`;
    this.#names.set(text, name);
    return name;
  }

  /**
   * Gives other names from now on: a plan is of no use any more, most likely because a table changed, and each connection
   * has its own.
   */
  renew(name: string): void {
    // Many connections find out at once; the first of them is enough.
    if (!name.startsWith(this.#prefix)) return;
    this.#prefix = newPrefix();
    this.#names.clear();
  }
}

// Nobody else's: where a proxy gives each transaction another connection, a statement of another program's would be run,
// if it had the same name.
function newPrefix(): string {
  return `daybook_${randomUuid().slice(-12)}_`;
}
