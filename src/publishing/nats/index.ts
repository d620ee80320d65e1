/**
 * A publisher for NATS JetStream.
 *
 * @module
 */
export {};
