/** The benchmarks, in the order in which they run. */
import type { BenchCase } from '../runner/bench-case.js';
import { COMMIT_ONE } from './b01-commit-one.js';
import { COMMIT_BURST } from './b02-commit-burst.js';
import { COMMIT_HUNDRED } from './b03-commit-hundred.js';
import { READ_AGGREGATE } from './b04-read-aggregate.js';
import { NOTIFICATIONS } from './b05-notifications.js';
import { OPEN_STORE } from './b06-open.js';
import { GROWTH } from './b07-growth.js';
import { TWO_TABS } from './b08-two-tabs.js';
import { PUSH_BACKLOG } from './b09-push.js';
import { POSTGRES_RECORDER } from './b10-postgres.js';
import { MEMORY_RECORDER } from './b11-memory.js';
import { MAPPER } from './b12-mapper.js';
import { REPLAY_AND_PROJECT } from './b13-replay-project.js';
import { FIRST_SYNC } from './b14-first-sync.js';
import { LIVE_PAIR } from './b15-live-pair.js';
import { LIVE_CLIENTS } from './b16-live.js';
import { RECONNECTION } from './b17-reconnect.js';
import { KEPT_COMMAND } from './b18-kept-command.js';
import { DECIDED_AGAIN } from './b19-decided-again.js';
import { HOT_AGGREGATE } from './b20-hot-aggregate.js';
import { MOVING_HOUSE } from './b21-moving-house.js';
import { FOUND_STATES } from './b22-found-states.js';
import { LIVE_ROWS } from './b23-live-rows.js';
import { OBJECT_STORE } from './b24-object.js';
import { D1_STORE } from './b25-d1.js';

export const CASES: readonly BenchCase[] = [
  COMMIT_ONE,
  COMMIT_BURST,
  COMMIT_HUNDRED,
  READ_AGGREGATE,
  NOTIFICATIONS,
  OPEN_STORE,
  GROWTH,
  TWO_TABS,
  PUSH_BACKLOG,
  POSTGRES_RECORDER,
  MEMORY_RECORDER,
  MAPPER,
  REPLAY_AND_PROJECT,
  FIRST_SYNC,
  LIVE_PAIR,
  LIVE_CLIENTS,
  RECONNECTION,
  KEPT_COMMAND,
  DECIDED_AGAIN,
  HOT_AGGREGATE,
  MOVING_HOUSE,
  FOUND_STATES,
  LIVE_ROWS,
  OBJECT_STORE,
  D1_STORE,
];
