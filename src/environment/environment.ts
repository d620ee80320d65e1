/**
 * Settings as texts by name, the way a process is given them.
 *
 * @module
 */
import { environmentError } from './environment-error.js';
import type { EnvironmentError, EnvironmentErrorOptions } from './environment-error.js';

/** Settings by key. What is undefined is not set. */
export type EnvironmentValues = Readonly<Record<string, string | undefined>>;

/** Options of {@link Environment}. */
export interface EnvironmentOptions {
  /**
   * The application's name. A setting is looked up with it first: `DOGSCHOOL_CIPHER_KEY` before `CIPHER_KEY` for
   * `dogschool`. @defaultValue no name, and no such look-up
   */
  readonly name?: string;
}

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...['y', 'yes', 't', 'true', 'on', '1'].map((word) => [word, true] as const),
  ...['n', 'no', 'f', 'false', 'off', '0'].map((word) => [word, false] as const),
]);
const INTEGER = /^[+-]?\d+$/;
// What JavaScript and Python both take for a decimal number; `Infinity` and `0x10` are not settings.
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/**
 * Settings, with those of one application before those of all.
 *
 * A setting that is blank counts as not set, for all methods but {@link Environment.get}; a blank one under the
 * application's key hides the one under the plain key.
 *
 * @example
 * ```ts
 * const environment = new Environment({ CIPHER_KEY: key, CREATE_TABLE: 'no' }, { name: 'dogschool' });
 * environment.get('CIPHER_KEY'); // DOGSCHOOL_CIPHER_KEY, or else CIPHER_KEY
 * environment.getBoolean('CREATE_TABLE', true); // false
 * ```
 */
export class Environment {
  /** The application's name; empty when there is none. */
  readonly name: string;
  readonly #values: EnvironmentValues;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /** @param values - copied. Nothing else is ever read: see {@link Environment.fromProcess} */
  constructor(values: EnvironmentValues = {}, options: EnvironmentOptions = {}) {
    this.#values = { ...values };
    this.name = options.name ?? '';
  }

  /** The settings of this process, as they are now. Empty where there is no process, as in a browser. */
  static fromProcess(options: EnvironmentOptions = {}): Environment {
    const { process } = globalThis as { process?: { readonly env?: EnvironmentValues } };
    return new Environment(process?.env ?? {}, options);
  }

  /** The keys that a setting is looked up with, in that order. */
  keys(key: string): readonly string[] {
    return this.name === '' ? [key] : [`${this.name.toUpperCase()}_${key}`, key];
  }

  /** A setting as it was given, or undefined. */
  get(key: string): string | undefined {
    const found = this.#find(key);
    return found === undefined ? undefined : this.#values[found];
  }

  /** A setting without blanks around it, or undefined when it is blank or not set. */
  getText(key: string): string | undefined {
    return this.get(key)?.trim() || undefined;
  }

  /**
   * A setting that must be there.
   *
   * @param expected - what the error says was expected
   * @throws EnvironmentError (`ENVIRONMENT_ERROR`) when it is blank or not set
   */
  required(key: string, expected = 'a text that is not blank'): string {
    const value = this.getText(key);
    if (value === undefined) throw this.refusal(key, expected);
    return value;
  }

  /**
   * A setting that is `y`, `yes`, `t`, `true`, `on`, `1`, or `n`, `no`, `f`, `false`, `off`, `0`, in any case.
   *
   * @throws EnvironmentError (`ENVIRONMENT_ERROR`) when it is something else
   */
  getBoolean(key: string): boolean | undefined;
  getBoolean(key: string, defaultValue: boolean): boolean;
  getBoolean(key: string, defaultValue?: boolean): boolean | undefined {
    const text = this.getText(key);
    if (text === undefined) return defaultValue;
    const value = BOOLEANS.get(text.toLowerCase());
    if (value === undefined) throw this.refusal(key, `one of ${[...BOOLEANS.keys()].join(', ')}`);
    return value;
  }

  /**
   * A setting that is a safe integer in decimal digits.
   *
   * @throws EnvironmentError (`ENVIRONMENT_ERROR`) when it is something else
   */
  getInteger(key: string): number | undefined;
  getInteger(key: string, defaultValue: number): number;
  getInteger(key: string, defaultValue?: number): number | undefined {
    const text = this.getText(key);
    if (text === undefined) return defaultValue;
    const value = INTEGER.test(text) ? Number(text) : Number.NaN;
    if (!Number.isSafeInteger(value)) throw this.refusal(key, 'an integer or nothing');
    return value;
  }

  /**
   * A setting that is a finite number, for example `0.5`.
   *
   * @throws EnvironmentError (`ENVIRONMENT_ERROR`) when it is something else
   */
  getNumber(key: string): number | undefined;
  getNumber(key: string, defaultValue: number): number;
  getNumber(key: string, defaultValue?: number): number | undefined {
    const text = this.getText(key);
    if (text === undefined) return defaultValue;
    const value = NUMBER.test(text) ? Number(text) : Number.NaN;
    if (!Number.isFinite(value)) throw this.refusal(key, 'a number or nothing');
    return value;
  }

  /**
   * The error of a setting, for what only its reader can check.
   *
   * @param expected - what would have been right
   */
  refusal(key: string, expected: string, options: EnvironmentErrorOptions = {}): EnvironmentError {
    const found = this.#find(key);
    return environmentError(found === undefined ? this.keys(key) : [found], this.get(key), expected, options);
  }

  #find(key: string): string | undefined {
    // Own only: `constructor` is no setting.
    return this.keys(key).find(
      (candidate) => Object.hasOwn(this.#values, candidate) && this.#values[candidate] !== undefined,
    );
  }
}
