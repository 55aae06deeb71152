import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";

import { expect, test } from "vitest";

import { dialTcp } from "../../../relay/typha/upstream/dial.ts";
import {
  encodeKvs,
  encodeServerHello,
  encodeSyncStatus,
  SERVER_DEFINITIONS,
} from "../../../relay/typha/wire/encode.ts";
import { fixedUpstream } from "../../../relay/typha/upstream/upstream.ts";
import { element } from "../../support/live-typha.ts";
import { cleanUp, spliceRig } from "../../support/splice-rig.ts";
import type { SpliceRig } from "../../support/splice-rig.ts";
import { waitFor } from "../../support/wait-for.ts";

const HELLO = Buffer.concat([
  SERVER_DEFINITIONS,
  encodeServerHello({
    version: "v3.32.1",
    syncerType: "felix",
    supportsNodeResourceUpdates: true,
    serverConnId: 7n,
  }),
]);
const KEY = "/calico/v1/netset/one";

/** Of the last Typha, in order. */
const sockets: Socket[] = [];

/** A Typha that says `streams[n]` to its nth connection, the last one to all that follow. */
async function typhaSaying(...streams: Uint8Array[]): Promise<SpliceRig> {
  let n = 0;
  sockets.length = 0;
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => socket.destroy());
    socket.once("data", () => socket.write(streams[Math.min(n++, streams.length - 1)] ?? ""));
    cleanUp(() => {
      socket.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanUp(() => {
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return spliceRig({}, { upstream: fixedUpstream(`127.0.0.1:${port}`, dialTcp) });
}

function broken(): Buffer {
  const message = encodeKvs([element(KEY, "value", 1), element(`${KEY}-2`, "value", 1)]);
  // The count of the elements, past which there is nothing.
  message[message.indexOf(Buffer.from([1, 2, 1])) + 1] = 9;
  return message;
}

const GOOD = Buffer.concat([HELLO, encodeKvs([element(KEY, "good", 1)]), encodeSyncStatus(2)]);

for (const [name, bytes, problem] of [
  [
    "a broken message together with its hello",
    Buffer.concat([HELLO, encodeKvs([element(KEY, "x", 1)]), broken()]),
    /break the protocol/,
  ],
  [
    "a key of 70,000 bytes",
    Buffer.concat([
      HELLO,
      encodeKvs([element(KEY, "x", 1)]),
      encodeKvs([element("k".repeat(70_000), "x", 1)]),
    ]),
    /key of 70000 bytes/,
  ],
  [
    "key/values before its hello",
    Buffer.concat([SERVER_DEFINITIONS, encodeKvs([element(KEY, "x", 1)])]),
    /before a hello/,
  ],
  [
    "a second hello",
    Buffer.concat([HELLO, HELLO.subarray(SERVER_DEFINITIONS.length)]),
    /a second time/,
  ],
  [
    "a length of 1 GiB",
    Buffer.concat([HELLO, Buffer.from("fc40000000", "hex")]),
    /chunk of 1073741824 bytes/,
  ],
] as const)
  test(`[TYP3] a Typha that sends ${name} is left and dialled again; Felix keeps its connection`, async () => {
    const { client, logs } = await typhaSaying(bytes, GOOD);
    const felix = client();
    await felix.until("in-sync", () => felix.hasSync);
    expect(logs.join("\n")).toMatch(problem);
    expect(felix.kvs.get(KEY)).toBe("good");
    expect(felix.deleted).toEqual([]);
    expect(felix.isClosed).toBe(false);
  });

test("[TYP3] a Typha that never says a good word is not dialled without a pause", async () => {
  const { client, logs } = await typhaSaying(Buffer.from("03ffffff", "hex"));
  const felix = client();
  await waitFor(() => expect(logs.length).toBeGreaterThan(2));
  expect(logs.length).toBeLessThan(12);
  expect(felix.isClosed).toBe(false);
});

test("[TYP11] what came before a message broke off is sent, not taken for known when it is told again", async () => {
  const { client } = await typhaSaying(
    Buffer.concat([HELLO, encodeSyncStatus(2)]),
    Buffer.concat([HELLO, encodeKvs([element(`${KEY}-0`, "good", 1)]), broken()]),
    Buffer.concat([
      HELLO,
      encodeKvs(
        [`${KEY}-0`, KEY, `${KEY}-2`].map((key) =>
          element(key, key === KEY || key.endsWith("2") ? "value" : "good", 1),
        ),
      ),
      encodeSyncStatus(2),
    ]),
  );
  const felix = client();
  await felix.until("in-sync", () => felix.hasSync);
  sockets[0]?.destroy();
  await felix.until("all", () => felix.kvs.size === 3);
  expect([...felix.kvs.values()].toSorted()).toEqual(["good", "value", "value"]);
});
