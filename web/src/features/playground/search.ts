/** Models that are asked side by side at most. */
export const MAX_COLUMNS = 4;
export const DEFAULT_MODEL = 'local/default';
