/**
 * Pages as bytes, packed once for all to whom they are sent.
 *
 * @module
 */
import { packPage } from '../persistence/unit-batch.js';
import type { UnitPage } from '../persistence/unit.js';

/** A log gives one object to all whom it shows the same in the same moment. */
const packedPages = new WeakMap<UnitPage, Uint8Array<ArrayBuffer>>();

/** The bytes of a page. */
export function packedPage(page: UnitPage): Uint8Array<ArrayBuffer> {
  const packed = packedPages.get(page) ?? packPage(page);
  packedPages.set(page, packed);
  return packed;
}
