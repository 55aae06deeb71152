/** For the routes; see there. */
export { CONNECTION_WORDS } from "../../shared/visibility/connection-words.ts";
