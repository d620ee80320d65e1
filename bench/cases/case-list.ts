/** The benchmarks, in the order in which they run. */
import type { BenchCase } from '../runner/bench-case.js';
import { COMMIT_ONE } from './b01-commit-one.js';
import { COMMIT_HUNDRED } from './b03-commit-hundred.js';

export const CASES: readonly BenchCase[] = [COMMIT_ONE, COMMIT_HUNDRED];
