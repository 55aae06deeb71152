/** Of this program: hub, relay and command line are one. */
export const VERSION = "0.1.0";
