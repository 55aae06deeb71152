import { VERSION } from "../../shared/lib/version.ts";

export { VERSION } from "../../shared/lib/version.ts";

/** Name of this program towards the hub and Typha. */
export const SOFTWARE = `catwalk-relay/${VERSION}`;
