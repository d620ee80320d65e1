/** The data of an event as it was decoded: an object that an upcast may change, or replace. */
export type EventData = Record<string, unknown>;

/** Takes data of one version to the next. Changes it in place, or returns new data. */
export type Upcast = ((data: EventData) => EventData) | ((data: EventData) => void);

/**
 * What became of an event type over time. Version 1 is the first and is not written; from version 2 on, `class_version`
 * stands in the state.
 *
 * @example
 * ```ts
 * mapper.registerVersions('shop:Order.Placed', {
 *   version: 3,
 *   upcasts: {
 *     1: (data) => ({ ...data, currency: 'EUR' }), // 1 → 2
 *     2: (data) => { data.total = data.amount; delete data.amount; }, // 2 → 3
 *   },
 * });
 * ```
 */
export interface EventVersions {
  /** The version that is written now: 1 and up. */
  readonly version: number;
  /** By the version that they start from; there is one for every version from the oldest stored up to `version - 1`. */
  readonly upcasts: Readonly<Record<number, Upcast>>;
}
