/**
 * The rooms of the house, lowest first: a file may import its own room, and the rooms that its line
 * names. A line names rooms above it only, so no import runs back up. The longest name that a path
 * begins with is its room.
 */

/** @type {Readonly<Record<string, readonly string[]>>} */
export const ROOMS = {
  // What both sides know. Neither Node nor Workers.
  "shared/lib": [],
  "shared/ip": ["shared/lib"],
  "shared/record": ["shared/lib", "shared/ip"],
  "shared/selector": ["shared/record"],
  "shared/log": ["shared/lib", "shared/record"],
  "shared/protocol": ["shared/lib", "shared/record", "shared/log"],
  "shared/visibility": ["shared/lib", "shared/ip", "shared/record", "shared/selector"],
  "shared/admission": ["shared/ip", "shared/record", "shared/visibility"],
};
