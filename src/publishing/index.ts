/**
 * Publishers: where an outbox sends what it holds.
 *
 * @module
 */
export {};
