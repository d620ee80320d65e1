/** Of this package: what page and worker tell each other, because a page may meet the file of another release. */
export const RELEASE = '0.1.0';
