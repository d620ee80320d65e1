/** Entries in a list when nothing else is said: what a person looks at. */
export const LIST_ENTRIES_DEFAULT = 100;
/** Entries that one statement inserts: with 10 parameters each, well below SQLite's 32,766 and PostgreSQL's 65,535. */
export const INSERT_ENTRIES_MAX = 500;
/** Entries that one statement marks, for the same reason. */
export const MARK_ENTRIES_MAX = 1_000;
/** UTF-16 code units of an error that are kept: enough to see what it was, whatever a server answers. */
export const LAST_ERROR_LENGTH_MAX = 2_000;
