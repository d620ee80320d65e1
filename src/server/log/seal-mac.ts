/**
 * HMAC-SHA256, by the platform's own that does not wait where it has one: a page of 500 units takes 500 of them, and
 * WebCrypto a job for each, which costs ten times as much as the MAC.
 *
 * @module
 */
import { webCrypto } from '../../persistence/web-crypto.js';

const ALGORITHM = { name: 'HMAC', hash: 'SHA-256' };

/** Gives the MAC of bytes: 32 bytes. */
export type Mac = (bytes: Uint8Array<ArrayBuffer>) => Uint8Array | Promise<Uint8Array>;

/** Makes one for a key. */
export type MacMaker = (key: Uint8Array<ArrayBuffer>) => Mac;

interface NodeCrypto {
  createSecretKey?(key: Uint8Array): object;
  createHmac?(algorithm: string, key: object): { update(bytes: Uint8Array): { digest(): Uint8Array } };
}

/** By WebCrypto, which every platform has. */
export const macAnywhere: MacMaker = (key) => {
  let imported: Promise<CryptoKey> | undefined;
  return async (bytes) => {
    imported ??= webCrypto().importKey('raw', key, ALGORITHM, false, ['sign']);
    return new Uint8Array(await webCrypto().sign(ALGORITHM, await imported, bytes));
  };
};

/** By Node, or what has its modules. @returns `undefined` where there is none */
export function platformMac(): MacMaker | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?(name: string): unknown } };
  const crypto = process?.getBuiltinModule?.('node:crypto') as NodeCrypto | undefined;
  if (crypto?.createHmac === undefined || crypto.createSecretKey === undefined) return undefined;
  const { createHmac, createSecretKey } = crypto as Required<NodeCrypto>;
  return (key) => {
    const secret = createSecretKey(key);
    return (bytes) => createHmac('sha256', secret).update(bytes).digest();
  };
}

/** The quickest there is. */
export const macOf: MacMaker = platformMac() ?? macAnywhere;
