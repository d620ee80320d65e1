/** Made once with the store, in the same transaction as its schema, and never changed. */
export interface StoreIdentity {
  /** Identifies this store, in this browser profile, to a server: a random UUID. */
  readonly replicaId: string;
  readonly createdAtMs: number;
  /** The `replicaId` of the store that this one was copied from, where it was imported as a copy. */
  readonly copyOf?: string;
  /** Of a copy: what has an id up to this one, the first protocol had confirmed to the original. Kept for who reads it. */
  readonly pushBaseId?: number;
}
