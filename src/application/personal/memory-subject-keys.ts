import { Listeners } from '../../util/listeners.js';
import { newSubjectKey, SNAPSHOTS, subjectForgotten, validateSubject } from './subject-keys.js';
import type { FoundKey, SubjectKey, SubjectKeys } from './subject-keys.js';
import { validateFunction, validateList } from '../../persistence/validation.js';

/** Keys in memory: for tests. What they have encrypted cannot be read when the program has ended. */
export class MemorySubjectKeys implements SubjectKeys {
  readonly #byId = new Map<string, SubjectKey>();
  readonly #bySubject = new Map<string, readonly string[]>();
  readonly #forgotten = new Set<string>();
  #snapshotKey: SubjectKey | undefined;
  readonly #listeners = new Listeners<[subject: string]>();

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  keyFor(subject: string): Promise<SubjectKey> {
    return settled(() => {
      validateSubject(subject);
      if (this.#forgotten.has(subject)) throw subjectForgotten(subject);
      const [id] = this.#bySubject.get(subject) ?? [];
      const there = id === undefined ? undefined : this.#byId.get(id);
      if (there !== undefined) return there;
      const made = newSubjectKey(subject);
      this.#byId.set(made.id, made);
      this.#bySubject.set(subject, [made.id]);
      return made;
    });
  }

  find(ids: readonly string[]): Promise<readonly FoundKey[]> {
    validateList('ids', ids);
    const all = [...this.#bySubject];
    const found = (id: string): FoundKey => {
      if (this.#snapshotKey?.id === id) return this.#snapshotKey;
      return this.#byId.get(id) ?? (all.some(([, own]) => own.includes(id)) ? 'forgotten' : undefined);
    };
    return settled(() => ids.map(found));
  }

  snapshotKey(): Promise<SubjectKey> {
    return settled(() => (this.#snapshotKey ??= newSubjectKey(SNAPSHOTS)));
  }

  forget(subject: string): Promise<readonly string[]> {
    return settled(() => {
      validateSubject(subject);
      const ids = this.#bySubject.get(subject) ?? [];
      this.#forgotten.add(subject);
      for (const id of ids) this.#byId.delete(id);
      this.#snapshotKey = undefined;
      this.#listeners.tell(subject);
      // One that a listener has asked for.
      this.#snapshotKey = undefined;
      return ids;
    });
  }

  onForgotten(listener: (subject: string) => void): () => void {
    validateFunction('listener', listener);
    return this.#listeners.add(listener);
  }
}

function settled<T>(work: () => T): Promise<T> {
  return new Promise((resolve) => {
    resolve(work());
  });
}
