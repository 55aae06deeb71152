/** One change of a remote as Felix is sent it: encoded once, for all connections. */
import { natPool } from "../../felix/felix-values.ts";
import type { FelixValue } from "../../felix/felix-values.ts";
import type { FelixText } from "../../felix/overlay-values.ts";
import type { PoolMode } from "../../felix/pool-mode.ts";
import { encodeUpdate } from "../wire/encode.ts";
import { UPDATE_TYPE } from "../wire/messages.ts";

export interface RemoteUpdate {
  readonly key: string;
  /** An element of `MsgKVs`. */
  readonly encoded: Uint8Array;
  readonly isPut: boolean;
  /** A put of a key that was not there before. */
  readonly isNew: boolean;
}

/** A pool of another cluster as an element of `MsgKVs`, a new one or its deletion. */
export function poolElement(op: "put" | "delete", cidr: string, mode?: PoolMode): Uint8Array {
  return updateOf(natPool(cidr, mode), op, true).encoded;
}

export function updateOf(
  felix: FelixValue | FelixText,
  op: "put" | "delete",
  isNew: boolean,
): RemoteUpdate {
  const { key } = felix;
  const text = "text" in felix ? felix.text : JSON.stringify(felix.value);
  const value = op === "put" ? Buffer.from(text) : null;
  const updateType =
    op === "delete" ? UPDATE_TYPE.deleted : isNew ? UPDATE_TYPE.new : UPDATE_TYPE.updated;
  const update = { key, value, revision: "", v3ResourceVersion: "", ttlNs: 0, updateType };
  return { key, encoded: encodeUpdate(update), isPut: op === "put", isNew: op === "put" && isNew };
}
