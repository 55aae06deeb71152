/** What this program calls itself towards the hub and Typha. */
export const VERSION = "0.1.0";
export const SOFTWARE = `catwalk-relay/${VERSION}`;
