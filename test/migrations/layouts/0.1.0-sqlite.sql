-- stored_events
CREATE TABLE IF NOT EXISTS "stored_events" (
  notification_id INTEGER PRIMARY KEY AUTOINCREMENT,
  originator_id BLOB NOT NULL,
  originator_version INTEGER NOT NULL,
  topic TEXT NOT NULL,
  state BLOB NOT NULL,
  UNIQUE (originator_id, originator_version)
);

-- tracking
CREATE TABLE IF NOT EXISTS "tracking" (
  application_name TEXT NOT NULL PRIMARY KEY,
  notification_id INTEGER NOT NULL
) WITHOUT ROWID;

-- snapshots
CREATE TABLE IF NOT EXISTS "snapshots" (
  originator_id TEXT NOT NULL PRIMARY KEY,
  originator_version INTEGER NOT NULL,
  event_id TEXT NOT NULL,
  aggregate_type TEXT NOT NULL,
  state_version INTEGER NOT NULL,
  state BLOB NOT NULL,
  taken_at_ms INTEGER NOT NULL
);

-- event_outbox
CREATE TABLE IF NOT EXISTS "event_outbox" (
  id TEXT PRIMARY KEY NOT NULL,
  event_id TEXT NOT NULL,
  event_type TEXT NOT NULL,
  aggregate_id TEXT NOT NULL,
  aggregate_type TEXT NOT NULL,
  tenant_id TEXT,
  event_data TEXT NOT NULL,
  created_at TEXT NOT NULL,
  published_at TEXT,
  retry_count INTEGER NOT NULL DEFAULT 0,
  last_error TEXT,
  status TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'published', 'failed')),
  position BIGINT NOT NULL UNIQUE,
  lease_owner TEXT,
  lease_until_ms BIGINT,
  next_attempt_at_ms BIGINT NOT NULL DEFAULT 0
);

-- event_outbox_pending
CREATE INDEX IF NOT EXISTS "event_outbox_pending" ON "event_outbox" (position) WHERE status = 'pending';

-- event_outbox_open
CREATE INDEX IF NOT EXISTS "event_outbox_open" ON "event_outbox" (aggregate_id, position) WHERE status <> 'published';

-- event_outbox_leased
CREATE INDEX IF NOT EXISTS "event_outbox_leased" ON "event_outbox" (lease_owner) WHERE lease_owner IS NOT NULL;

-- event_outbox_published
CREATE INDEX IF NOT EXISTS "event_outbox_published" ON "event_outbox" (published_at) WHERE status = 'published';

-- event_index
CREATE TABLE IF NOT EXISTS "event_index" (
  notification_id BIGINT PRIMARY KEY NOT NULL,
  event_id TEXT NOT NULL UNIQUE,
  aggregate_id TEXT NOT NULL,
  aggregate_version BIGINT NOT NULL,
  aggregate_type TEXT NOT NULL,
  event_type TEXT NOT NULL,
  occurred_at_ms BIGINT,
  recorded_at_ms BIGINT,
  actor_id TEXT,
  correlation_id TEXT,
  tenant_id TEXT
);

-- event_index_occurred_at_ms
CREATE INDEX IF NOT EXISTS "event_index_occurred_at_ms" ON "event_index" (occurred_at_ms, notification_id) WHERE occurred_at_ms IS NOT NULL;

-- event_index_actor_id
CREATE INDEX IF NOT EXISTS "event_index_actor_id" ON "event_index" (actor_id, notification_id) WHERE actor_id IS NOT NULL;

-- event_index_correlation_id
CREATE INDEX IF NOT EXISTS "event_index_correlation_id" ON "event_index" (correlation_id, notification_id) WHERE correlation_id IS NOT NULL;

-- event_index_tenant_id
CREATE INDEX IF NOT EXISTS "event_index_tenant_id" ON "event_index" (tenant_id, notification_id) WHERE tenant_id IS NOT NULL;

-- event_index_event_type
CREATE INDEX IF NOT EXISTS "event_index_event_type" ON "event_index" (event_type, notification_id);

-- event_index_words
CREATE TABLE IF NOT EXISTS "event_index_words" (
  word TEXT NOT NULL,
  notification_id BIGINT NOT NULL,
  PRIMARY KEY (word, notification_id)
);

-- event_index_seen
CREATE TABLE IF NOT EXISTS "event_index_seen" (
  id INTEGER PRIMARY KEY NOT NULL,
  last_id BIGINT NOT NULL,
  settled_id BIGINT NOT NULL,
  era BIGINT NOT NULL,
  truncated_id BIGINT NOT NULL
);

-- event_index_gaps
CREATE TABLE IF NOT EXISTS "event_index_gaps" (notification_id BIGINT PRIMARY KEY NOT NULL);

-- commit_ids
CREATE TABLE IF NOT EXISTS "commit_ids" (
  commit_id TEXT PRIMARY KEY NOT NULL,
  recorded_at_ms BIGINT NOT NULL,
  result TEXT
);

-- commit_ids_recorded_at_ms
CREATE INDEX IF NOT EXISTS "commit_ids_recorded_at_ms" ON "commit_ids" (recorded_at_ms);

-- subject_keys
CREATE TABLE IF NOT EXISTS "subject_keys" (
  key_id TEXT NOT NULL PRIMARY KEY,
  subject TEXT NOT NULL,
  secret_key BLOB,
  created_at_ms INTEGER NOT NULL,
  forgotten_at_ms INTEGER,
  followed_at_ms INTEGER,
  made_here INTEGER NOT NULL
);

-- subject_keys_subject
CREATE INDEX IF NOT EXISTS "subject_keys_subject" ON "subject_keys" (subject);

-- subject_keys_made_here
CREATE INDEX IF NOT EXISTS "subject_keys_made_here" ON "subject_keys" (key_id) WHERE made_here = 1;

-- subject_keys_to_follow
CREATE INDEX IF NOT EXISTS "subject_keys_to_follow" ON "subject_keys" (subject) WHERE forgotten_at_ms IS NOT NULL AND followed_at_ms IS NULL;

-- projection_checkpoints
CREATE TABLE IF NOT EXISTS projection_checkpoints (
  projection TEXT NOT NULL,
  generation BIGINT NOT NULL,
  is_live BIGINT NOT NULL,
  position BIGINT NOT NULL,
  event_id TEXT NOT NULL,
  event_type TEXT NOT NULL,
  definition TEXT NOT NULL,
  PRIMARY KEY (projection, generation)
);

-- projection_dead_letters
CREATE TABLE IF NOT EXISTS projection_dead_letters (
  projection TEXT NOT NULL,
  generation BIGINT NOT NULL,
  notification_id BIGINT NOT NULL,
  event_id TEXT NOT NULL,
  event_type TEXT NOT NULL,
  originator_id TEXT NOT NULL,
  status TEXT NOT NULL,
  error TEXT NOT NULL,
  stack TEXT NOT NULL,
  retry_count BIGINT NOT NULL,
  first_failed_at_ms BIGINT NOT NULL,
  last_failed_at_ms BIGINT NOT NULL,
  resolved_by TEXT NOT NULL,
  PRIMARY KEY (projection, generation, notification_id)
);

-- daybook_replicas
CREATE TABLE IF NOT EXISTS "daybook_replicas" (
  log TEXT NOT NULL,
  tenant TEXT NOT NULL,
  replica_id TEXT NOT NULL,
  subject TEXT NOT NULL,
  app TEXT,
  first_seen_at_ms INTEGER NOT NULL,
  last_seen_at_ms INTEGER NOT NULL,
  acked_position INTEGER,
  revoked_at_ms INTEGER,
  revoked_why TEXT,
  PRIMARY KEY (log, tenant, replica_id)
);

-- daybook_replicas_subject
CREATE INDEX IF NOT EXISTS "daybook_replicas_subject" ON "daybook_replicas" (log, tenant, subject, replica_id);

-- 1 orders
CREATE TABLE orders (id TEXT PRIMARY KEY);

-- migration_ledger
CREATE TABLE IF NOT EXISTS "migration_ledger" (
  set_name TEXT NOT NULL,
  version BIGINT NOT NULL,
  name TEXT NOT NULL,
  checksum TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('applied', 'applying', 'reverting')),
  applied_at_ms BIGINT NOT NULL,
  duration_ms BIGINT NOT NULL,
  PRIMARY KEY (set_name, version)
);

INSERT INTO migration_ledger VALUES ('application', 1, 'orders', '0e5b9c025e0c1587a14d45a01ebe602e8af79f78fc4ffd5be5ca64d9bc9e91d1', 'applied', 1764500000000, 12);
INSERT INTO orders VALUES ('first');
