import type { ReplicaImages } from '../../src/persistence/journal/durable-recorder.js';
import { DurableRecorder } from '../../src/persistence/journal/durable-recorder.js';
import { decodeJournalRecord, encodeJournalRecord } from '../../src/persistence/journal/journal-record.js';
import { MemoryReplica } from '../../src/persistence/memory/memory-replica.js';
import type { CheckedCommit } from '../../src/persistence/journal/replica.js';
import type { SharedJournal } from './shared-journal.js';

// Small, so that the images of a few commits have many chunks.
const CHUNK_BYTES = 64;

class RememberingReplica extends MemoryReplica {
  readonly commits: CheckedCommit[] = [];

  override apply(commits: readonly CheckedCommit[]): void {
    super.apply(commits);
    this.commits.push(...commits.map((commit) => structuredClone(commit)));
  }
}

/** A replica in memory whose image is all of its commits: later images begin like earlier ones, as SQLite files do. */
class ImagedMemory implements ReplicaImages {
  replica: RememberingReplica = new RememberingReplica();

  save(): Uint8Array {
    return encodeJournalRecord(1, this.replica.commits);
  }

  load(image: Uint8Array): MemoryReplica {
    this.replica = new RememberingReplica();
    this.replica.apply(decodeJournalRecord(1, image));
    return this.replica;
  }
}

/** Opens one more tab, which can write checkpoints and start from them. */
export async function openImaged(journal: SharedJournal, chunkBytes: number = CHUNK_BYTES): Promise<DurableRecorder> {
  const images = new ImagedMemory();
  return DurableRecorder.open({
    replica: images.replica,
    images,
    journal: journal.connect(),
    chunkBytes,
  });
}
