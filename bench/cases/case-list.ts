/** The benchmarks, in the order in which they run. */
import type { BenchCase } from '../runner/bench-case.js';
import { COMMIT_ONE } from './b01-commit-one.js';
import { COMMIT_HUNDRED } from './b03-commit-hundred.js';
import { POSTGRES_RECORDER } from './b10-postgres.js';
import { MEMORY_RECORDER } from './b11-memory.js';
import { MAPPER } from './b12-mapper.js';

export const CASES: readonly BenchCase[] = [COMMIT_ONE, COMMIT_HUNDRED, POSTGRES_RECORDER, MEMORY_RECORDER, MAPPER];
