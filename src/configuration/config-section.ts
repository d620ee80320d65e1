import { configurationError } from './configuration-error.js';

/**
 * One level of a configuration, read with checks: it may come from a file, and then its type is only a claim.
 *
 * What is `null` or blank counts as not set, as in a file that names a key and leaves it empty.
 */
export class ConfigSection {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #path: string;

  private constructor(values: Readonly<Record<string, unknown>>, path: string) {
    this.#values = values;
    this.#path = path;
  }

  /** @throws ConfigurationError (`CONFIGURATION_ERROR`) when it is no object */
  static of(values: unknown, path = ''): ConfigSection {
    if (values === undefined || values === null) return new ConfigSection({}, path);
    if (typeof values !== 'object' || Array.isArray(values)) {
      throw configurationError([path === '' ? '(the whole)' : path], values, 'an object with keys, or nothing');
    }
    return new ConfigSection(values as Readonly<Record<string, unknown>>, path);
  }

  /**
   * @param known - the keys that there are; anything else is a slip of the pen, which would go unnoticed
   * @throws ConfigurationError (`CONFIGURATION_ERROR`) when there is another key
   */
  onlyHas(...known: readonly string[]): this {
    const other = Object.keys(this.#values).find((key) => !known.includes(key));
    if (other === undefined) return this;
    throw configurationError([this.pathOf(other)], this.#values[other], `only the keys ${known.join(', ')} here`);
  }

  /** The key with those above it. */
  pathOf(key: string): string {
    return this.#path === '' ? key : `${this.#path}.${key}`;
  }

  /** The level below a key; an empty one when it is not set. */
  section(key: string): ConfigSection {
    return ConfigSection.of(this.#get(key), this.pathOf(key));
  }

  /** A text without blanks around it. */
  text(key: string): string | undefined {
    const value = this.#get(key);
    if (value === undefined || typeof value === 'string') return value;
    throw configurationError([this.pathOf(key)], value, 'a text, or nothing');
  }

  /** A text that is one of several. */
  oneOf<Word extends string>(key: string, words: readonly Word[]): Word | undefined {
    const text = this.text(key);
    if (text === undefined || (words as readonly string[]).includes(text)) return text as Word | undefined;
    throw configurationError([this.pathOf(key)], text, `one of ${words.join(', ')}`);
  }

  /** A number that is 0 or more, not as a text. */
  amount(key: string): number | undefined {
    const value = this.#get(key);
    if (value === undefined) return undefined;
    if (typeof value === 'number' && value >= 0 && value < Infinity) return value;
    throw configurationError([this.pathOf(key)], value, 'a number, 0 or more, or nothing');
  }

  /** True or false, not as a text. */
  boolean(key: string): boolean | undefined {
    const value = this.#get(key);
    if (value === undefined || typeof value === 'boolean') return value;
    throw configurationError([this.pathOf(key)], value, 'true, false, or nothing');
  }

  #get(key: string): unknown {
    const value = this.#values[key] ?? undefined;
    return typeof value === 'string' ? value.trim() || undefined : value;
  }
}
