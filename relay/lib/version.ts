import { VERSION } from "../../shared/lib/version.ts";

export { VERSION } from "../../shared/lib/version.ts";

/** What this program calls itself towards the hub and Typha. */
export const SOFTWARE = `catwalk-relay/${VERSION}`;
