/**
 * The rooms of the house, lowest first: what each is for, and which rooms its files may import
 * besides their own. A line names rooms above it only, so no import runs back up. The longest name
 * that a path begins with is its room. `house/rooms` in `house.js` keeps it; a test says which
 * permissions nobody uses.
 */
import { CLI_ROOMS } from "./rooms/cli.js";
import { RELAY_ROOMS } from "./rooms/relay.js";
import { SHARED_ROOMS } from "./rooms/shared.js";
import { WORKER_ROOMS } from "./rooms/worker.js";

/** @type {Readonly<Record<string, readonly string[]>>} */
export const ROOMS = { ...SHARED_ROOMS, ...WORKER_ROOMS, ...RELAY_ROOMS, ...CLI_ROOMS };
