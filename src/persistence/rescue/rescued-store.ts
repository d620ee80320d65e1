/**
 * What rescue files have of a store: of each unit the latest form, from whichever file; and what is not there.
 *
 * @module
 */
import { unpackPendingUnits } from '../unit-batch.js';
import type { UnitId } from '../unit.js';
import type { UnitToRestore } from './restore-plan.js';
import { readEntries } from './rescue-entry.js';
import type { NamedUnit, RescueContent, RescueWitness } from './rescue-entry.js';

/** What is left of a store. Some of it may have been confirmed before it was lost: a server knows it by its id. */
export interface RescuedStore {
  readonly replicaId: string;
  /** In the order in which they were recorded. */
  readonly units: readonly UnitToRestore[];
  /** Units of which no file has the events. */
  readonly missing: readonly NamedUnit[];
  /** Whether `missing` names all of them; not, where bytes are damaged that may have been anything. */
  readonly isExact: boolean;
  /** How far it was, the last time that this was written down. */
  readonly witness: RescueWitness | undefined;
  /** Whether somebody was told what is missing. */
  readonly isTold: boolean;
}

interface Found {
  readonly units: Map<UnitId, { readonly position: number; readonly unit: UnitToRestore }>;
  readonly named: Map<UnitId, NamedUnit>;
  witness: RescueWitness | undefined;
  isExact: boolean;
  isTold: boolean;
}

/**
 * Reads files as they are, in any order.
 *
 * @param ownReplicaId - of the store that is there: it is passed over
 * @returns one for each other store that wrote into them
 */
export function readRescuedStores(files: readonly Uint8Array[], ownReplicaId?: string): RescuedStore[] {
  const stores = new Map<string, Found>();
  const storeOf = (replicaId: string): Found => {
    const found = stores.get(replicaId) ?? newFound();
    stores.set(replicaId, found);
    return found;
  };
  for (const bytes of files) {
    const { entries, damagedBytes } = readEntries(bytes);
    let store: Found | undefined;
    for (const { content } of entries) {
      if (content.kind === 'told') storeOf(content.replicaId).isTold = true;
      else if (content.kind === 'store') {
        store = content.replicaId === ownReplicaId ? undefined : storeOf(content.replicaId);
      } else if (store !== undefined) take(store, content);
      if (damagedBytes > 0 && store !== undefined) store.isExact = false;
    }
  }
  return [...stores].map(([replicaId, found]) => ({ replicaId, ...resultOf(found) }));
}

function newFound(): Found {
  return { units: new Map(), named: new Map(), witness: undefined, isExact: true, isTold: false };
}

function take(store: Found, content: Exclude<RescueContent, { readonly kind: 'store' | 'told' }>): void {
  if (content.kind === 'witness') {
    const { kind: _kind, ...witness } = content;
    if (witness.atMs >= (store.witness?.atMs ?? 0)) store.witness = witness;
    return;
  }
  if (content.kind === 'unsaved') {
    for (const named of content.units) store.named.set(named.id, named);
    if (content.unnamed > 0) store.isExact = false;
    return;
  }
  for (const unit of unitsOf(content)) {
    const before = store.units.get(unit.id);
    if (before === undefined || before.position <= content.position) {
      store.units.set(unit.id, { position: content.position, unit });
    }
  }
  // Those that could be read are not missing, whoever names them.
  for (const named of content.units) store.named.set(named.id, named);
}

function unitsOf({ units, body }: Extract<RescueContent, { readonly kind: 'units' }>): readonly UnitToRestore[] {
  if (body === undefined) return [];
  try {
    return unpackPendingUnits(body).map((unit, index) => ({ ...unit, reason: units[index]?.reason }));
  } catch {
    // Whole, as its checksum says, and nothing that this version can read: as good as not there.
    return [];
  }
}

function resultOf({ units, named, witness, isExact, isTold }: Found): Omit<RescuedStore, 'replicaId'> {
  return {
    units: [...units.values()]
      .map(({ unit }) => unit)
      .sort((one, other) => one.firstNotificationId - other.firstNotificationId),
    missing: [...named.values()].filter(({ id }) => !units.has(id)),
    ...{ isExact, witness, isTold },
  };
}
