/** How large a message of each type may be: judged before it is unpacked. [PRO9] */
import { LIMITS } from "./limits.ts";
import type { Message } from "./messages.ts";

export interface Size {
  readonly bytes: number;
  /** As `countValues` counts. */
  readonly values: number;
}

const FEW_VALUES = 32;
const SMALL: Size = { bytes: LIMITS.smallBytes, values: FEW_VALUES };
const HELLO: Size = { bytes: LIMITS.helloBytes, values: 256 };
const LARGE: Size = { bytes: LIMITS.messageBytes, values: FEW_VALUES };
const LEAVES: Size = { bytes: LIMITS.leavesBytes, values: FEW_VALUES + 4 * LIMITS.partitions };

export const SIZES: Readonly<Record<Message["type"], Size>> = {
  "watch-hello": HELLO,
  "watch-welcome": HELLO,
  resume: SMALL,
  "repair-needed": HELLO,
  repair: LEAVES,
  "repair-plan": HELLO,
  blob: LARGE,
  frame: LARGE,
  checkpoint: HELLO,
  "reader-ack": SMALL,
  "home-hello": HELLO,
  "home-welcome": { bytes: LIMITS.helloBytes, values: 256 },
  reconcile: LEAVES,
  difference: LARGE,
  publish: LARGE,
  accepted: HELLO,
  reconciled: SMALL,
  access: LARGE,
  report: { bytes: LIMITS.reportBytes, values: FEW_VALUES },
  "catch-up": LARGE,
  mark: SMALL,
  "ask-heads": SMALL,
  heads: HELLO,
};
