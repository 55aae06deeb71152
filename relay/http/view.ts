/**
 * `/view`: what this relay would serve now, own records and remote ones, a JSON line each; with
 * `follow`, changes as they come.
 */
import type { ServerResponse } from "node:http";

import type { Relay } from "../relay.ts";
import type { ServedChange } from "../view/serving.ts";

/** Bytes that a slow follower may leave unread before it is cut off: it asks again. */
const MAX_BACKLOG_BYTES = 16 * 1024 * 1024;

/**
 * Lines `{"origin","kind","key","revision","record"}`; a deletion has `"deleted":true` and the last
 * record; `{"event":"listed"}` ends the present state and names the remotes whose labels rules see
 * `prefixed`. `origin` is the RCC's name, or the cluster's own name for its own records (revision
 * 0).
 */
export function streamView(relay: Relay, follow: boolean, response: ServerResponse): void {
  response.writeHead(200, { "content-type": "application/x-ndjson" });
  const write = (line: unknown): void => {
    response.write(`${JSON.stringify(line)}\n`);
    if (response.writableLength > MAX_BACKLOG_BYTES) response.destroy();
  };
  const own = relay.clusterName ?? "";
  for (const { record, key } of relay.own.local.records())
    write({ origin: own, kind: record.kind, key, revision: 0, record });
  for (const { rcc, held } of relay.remotes.served())
    write({
      origin: rcc,
      kind: held.record.kind,
      key: held.key,
      revision: held.revision,
      record: held.record,
    });
  const { accessVersion, hubAgeSeconds } = relay.status();
  const prefixed = [...relay.remotes.names()].filter(
    (rcc) => relay.remotes.labelMode(rcc) === "prefixed",
  );
  write({ event: "listed", cluster: own, accessVersion, hubAgeSeconds, prefixed });
  if (!follow) {
    response.end();
    return;
  }
  const unsubscribe = relay.remotes.subscribe((changes) => {
    for (const change of changes) write(lineOf(change));
  });
  const unsubscribeLocal = relay.own.subscribe((changes) => {
    for (const change of changes) {
      if (change.op === "put") {
        const { record, key } = change;
        write({ origin: own, kind: record.kind, key, revision: 0, record });
        continue;
      }
      const local = relay.own.local.byKey(change.key);
      if (local !== undefined)
        write({
          origin: own,
          kind: local.record.kind,
          key: change.key,
          revision: 0,
          record: local.record,
          deleted: true,
        });
    }
  });
  response.on("close", () => {
    unsubscribe();
    unsubscribeLocal();
  });
}

function lineOf({ rcc, op, held }: ServedChange): unknown {
  const line = {
    origin: rcc,
    kind: held.record.kind,
    key: held.key,
    revision: held.revision,
    record: held.record,
  };
  return op === "put" ? line : { ...line, deleted: true };
}
