/**
 * From this one on a seed is a run of services. Apart: mutants name it before any product is
 * loaded.
 */
export const SERVICES_SEEDS = 3_000_000_000;
