/** Child process: the splice alone, with remote key/values that are just there. */
import { dialTcp } from "../../relay/typha/upstream/dial.ts";
import { Splice } from "../../relay/typha/splice/splice.ts";
import { fixedUpstream } from "../../relay/typha/upstream/upstream.ts";
import { FakeFeed } from "../support/fake-feed.ts";
import { remoteKey, valueOf } from "./splice-kvs.ts";

const [upstream = "", remotes = "0"] = process.argv.slice(2);
const feed = new FakeFeed();
for (let n = 0; n < Number(remotes); n++) feed.put(remoteKey(n), valueOf(n, "db"));
const splice = new Splice({
  listen: "127.0.0.1:0",
  upstream: fixedUpstream(upstream, dialTcp),
  feed,
  // The clients of the benchmark are all on this machine.
  maxPerAddress: 100_000,
  isViewLoaded: () => true,
  inSyncWaitMs: 30_000,
  log: (level, message, fields) => {
    if (level === "warn") process.stderr.write(`${message} ${JSON.stringify(fields)}\n`);
  },
});
process.on("message", () => {
  globalThis.gc?.();
  process.send?.({
    type: "memory",
    ...process.memoryUsage(),
    connections: splice.connections,
    shared: splice.sharedBytes,
  });
});
process.send?.({ type: "ready", port: await splice.start() });
process.once("SIGINT", () => process.exit(0));
