/** Which of Calico's values a relay reports of a remote. */
import { expect, test } from "vitest";

import { connectionStatusOf } from "../../../relay/view/connection-status.ts";
import type { Feed } from "../../../relay/view/feed.ts";

type Status = ReturnType<typeof connectionStatusOf>;

function feed(is: { open?: boolean; told?: boolean; refused?: boolean }): Feed {
  return {
    isOpen: is.open === true,
    isTold: is.told === true,
    isRefused: is.refused === true,
    lostMs: null,
    transferred: { changes: 0, bytes: 0 },
    start: () => undefined,
    stop: () => undefined,
  };
}

const EMPTY = { excess: null, isLoaded: false, isInSync: false };
const LOADED = { ...EMPTY, isLoaded: true };
const IN_SYNC = { ...LOADED, isInSync: true };
const FULL = { ...EMPTY, excess: "too many" };

const TABLE: readonly (readonly [Status, boolean, Feed | null, typeof FULL | typeof EMPTY])[] = [
  [5, false, null, EMPTY],
  [5, false, feed({ open: true, told: true }), IN_SYNC],
  [5, true, feed({ open: true, told: true, refused: true }), IN_SYNC],
  [0, true, null, EMPTY],
  [0, true, null, IN_SYNC],
  [0, true, feed({}), IN_SYNC],
  [1, true, feed({ open: true }), EMPTY],
  [1, true, null, FULL],
  [2, true, feed({ open: true, told: true }), IN_SYNC],
  [3, true, feed({ open: true, told: true }), LOADED],
  [3, true, feed({ open: true }), IN_SYNC],
  [3, true, null, { ...FULL, isLoaded: true }],
];

test("[VIE7] the status is one of 0, 1, 2, 3 and 5, by what is known; 4 is never said", () => {
  const told = TABLE.map(([, isGranted, fed, view]) => connectionStatusOf(isGranted, fed, view));
  expect(told).toEqual(TABLE.map(([status]) => status));
  expect(new Set(told)).toEqual(new Set([0, 1, 2, 3, 5]));
});
