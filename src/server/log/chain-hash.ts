/**
 * The hash of a chain: SHA-256, without waiting, by the platform's own where it has one that does not wait.
 *
 * A push of 500 units takes 500 hashes, each of which needs the one before; in JavaScript they took as long as PostgreSQL
 * for the insert.
 *
 * @module
 */
import { sha256Now } from '../../util/sha256-now.js';
import { bytesToUuid } from '../../util/uuid-bytes.js';

const CHAIN_BYTES = 16;
const CHAIN_DIGITS = CHAIN_BYTES * 2;

/** Gives the first 16 bytes of SHA-256, in hex. */
export type ChainHash = (bytes: Uint8Array) => string;

interface NodeCrypto {
  hash?(algorithm: string, data: Uint8Array, encoding: 'hex'): string;
}

/** In JavaScript alone. */
export const chainHashAnywhere: ChainHash = (bytes) =>
  // In hex by what is quick at it.
  bytesToUuid(sha256Now(bytes).subarray(0, CHAIN_BYTES)).replaceAll('-', '');

/** By Node, or what has its modules. @returns `undefined` where there is none */
export function platformChainHash(): ChainHash | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?(name: string): unknown } };
  const crypto = process?.getBuiltinModule?.('node:crypto') as NodeCrypto | undefined;
  if (crypto?.hash === undefined) return undefined;
  return (bytes) => (crypto.hash as Required<NodeCrypto>['hash'])('sha256', bytes, 'hex').slice(0, CHAIN_DIGITS);
}

/** The quickest there is. */
export const chainHash: ChainHash = platformChainHash() ?? chainHashAnywhere;
