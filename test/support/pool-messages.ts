/** What one connection sends around local pools, as its Felix gets it. */
import type { PoolOrder } from "../../relay/typha/splice/pool-order.ts";
import { encodeKvsAround, SERVER_DEFINITIONS } from "../../relay/typha/wire/encode.ts";
import { GobDecoder } from "../../relay/typha/wire/gob/decoder.ts";
import { readMessage } from "../../relay/typha/wire/messages.ts";
import type { FelixUpdate } from "./felix-model/model.ts";
import { element } from "./live-typha.ts";

/** One message, read back from its bytes. @param local What Typha says of the cluster's own. */
export function heard(order: PoolOrder, local: readonly FelixUpdate[]): readonly FelixUpdate[] {
  const parts = local.map(({ key, value }) => {
    if (value === null) order.localDelete(key);
    else order.localPut(key, Buffer.from(value));
    return element(key, value, value === null ? 3 : 1);
  });
  const { count, parts: all } = order.around({ count: parts.length, parts });
  if (count === 0) return [];
  const decoder = new GobDecoder(1 << 26);
  decoder.feed(SERVER_DEFINITIONS);
  const message = decoder.feed(Buffer.concat(encodeKvsAround(count, all))).map(readMessage)[0];
  if (message?.type !== "MsgKVs") throw new Error("no MsgKVs");
  return message.kvs.map(({ key, value }) => ({
    key,
    value: value === null ? null : Buffer.from(value).toString(),
  }));
}
