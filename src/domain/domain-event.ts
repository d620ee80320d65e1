/**
 * What happened in the domain, before it is stored.
 *
 * @module
 */

/**
 * A domain event. Make a discriminated union of your events by `type`.
 *
 * @example
 * ```ts
 * type StockEvent =
 *   | DomainEvent<'stock:Item.Counted', { quantity: number }>
 *   | DomainEvent<'stock:Item.Moved', { shelf: string }>;
 * ```
 */
export interface DomainEvent<Type extends string = string, Data = unknown> {
  /** The aggregate: a UUID in canonical form. */
  readonly originatorId: string;
  /** Position in the aggregate's sequence: 1 for the first event. */
  readonly originatorVersion: number;
  /** Names the type; stored as the topic. */
  readonly type: Type;
  /** Everything else; stored as the state. */
  readonly data: Data;
}
