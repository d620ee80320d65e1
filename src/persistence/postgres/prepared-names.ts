// A recorder has a dozen statements; whoever shares its pool adds some. More texts than this are made up as they go,
// and would fill the server's memory with plans that nobody uses again.
const NAMES_MAX = 200;

/** Names for the statements that a pool's connections keep, the same on all of them. */
export class PreparedNames {
  readonly #names = new Map<string, string>();

  /** @returns undefined for a statement that is not to be kept */
  nameOf(text: string): string | undefined {
    const known = this.#names.get(text);
    if (known !== undefined || this.#names.size >= NAMES_MAX) return known;
    const name = `daybook_${this.#names.size + 1}`;
    this.#names.set(text, name);
    return name;
  }
}
