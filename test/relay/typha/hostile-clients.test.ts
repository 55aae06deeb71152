import { connect } from "node:net";
import type { Socket } from "node:net";

import fc from "fast-check";
import { expect, test } from "vitest";

import {
  CLIENT_DEFINITIONS,
  encodeClientHello,
  encodePong,
} from "../../../relay/typha/wire/encode.ts";
import { GobWriter } from "../../../relay/typha/wire/gob/bytes.ts";
import { GobDecoder } from "../../../relay/typha/wire/gob/decoder.ts";
import { cleanUp, spliceRig } from "../../support/splice-rig.ts";
import { PLAIN_HELLO } from "../../support/typha.ts";
import { waitFor } from "../../support/wait-for.ts";

const LOCAL = { "/calico/v1/Ready": "true" };
const MB = 1024 * 1024;

function raw(port: number): { socket: Socket; state: { received: number; isClosed: boolean } } {
  const socket = connect({ host: "127.0.0.1", port });
  const state = { received: 0, isClosed: false };
  socket.on("data", (data) => (state.received += data.length));
  socket.on("error", () => socket.destroy());
  socket.on("close", () => (state.isClosed = true));
  cleanUp(() => {
    socket.destroy();
  });
  return { socket, state };
}

test("[TYP3] a length is refused before anything is held for it, and a message of many chunks at 1 MiB", () => {
  const huge = new GobDecoder(MB);
  expect(() => huge.feed(Buffer.from("fc7fffffff", "hex"))).toThrow(/chunk of 2147483647 bytes/);
  const half = new GobDecoder(MB);
  half.feed(Buffer.from("fd0fffff", "hex"));
  half.feed(Buffer.alloc(100_000));
  expect(half.pendingBytes).toBeLessThan(200_000);
  // An envelope that begins, then nothing but type definitions.
  const endless = new GobDecoder(MB);
  endless.feed(CLIENT_DEFINITIONS);
  endless.feed(Buffer.from("05ff82010161", "hex"));
  const definition = (id: number): Buffer =>
    new GobWriter()
      .bytes(
        new GobWriter().int(-id).raw(Buffer.from("0501010454696d6501ff92000000", "hex")).finish(),
      )
      .finish();
  expect(() => {
    for (let id = 100; id < 200; id++) endless.feed(definition(id));
  }).toThrow(/32 chunks/);
});

test("[TYP3] random bytes, before and after a hello, neither crash nor hang nor disturb others", async () => {
  const { port, client, logs } = await spliceRig(LOCAL, { holdMs: 50 });
  const felix = client();
  await felix.until("in-sync", () => felix.hasSync);
  const hello = Buffer.concat([CLIENT_DEFINITIONS, encodeClientHello(PLAIN_HELLO)]);
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ minLength: 1, maxLength: 400 }),
      fc.constantFrom("before", "inside", "after" as const),
      fc.nat({ max: hello.length - 1 }),
      async (bytes, place, at) => {
        const { socket, state } = raw(port);
        if (place === "inside")
          socket.write(Buffer.concat([hello.subarray(0, at), bytes, hello.subarray(at)]));
        else if (place === "after") socket.write(Buffer.concat([hello, bytes]));
        else socket.write(bytes);
        socket.end();
        await waitFor(() => expect(state.isClosed).toBe(true));
      },
    ),
    { numRuns: 60 },
  );
  expect(felix.isClosed).toBe(false);
  expect(logs.filter((line) => line.startsWith("refused")).length).toBeGreaterThan(0);
});

test("[TYP3] garbage behind a good hello is told, and closed late", async () => {
  const { port, logs } = await spliceRig(LOCAL, { holdMs: 300 });
  const { socket, state } = raw(port);
  socket.write(Buffer.concat([CLIENT_DEFINITIONS, encodeClientHello(PLAIN_HELLO)]));
  await waitFor(() => expect(state.received).toBeGreaterThan(0));
  socket.write(Buffer.from("03ffffff", "hex"));
  await waitFor(() => expect(logs.join("\n")).toMatch(/break the protocol/));
  expect(state.isClosed).toBe(false);
  await waitFor(() => expect(state.isClosed).toBe(true));
});

test("[TYP3] a message of more than 1 MiB from a client is refused by its length", async () => {
  const { port, logs } = await spliceRig(LOCAL, { holdMs: 50 });
  const { socket, state } = raw(port);
  socket.write(Buffer.concat([CLIENT_DEFINITIONS, encodeClientHello(PLAIN_HELLO)]));
  await waitFor(() => expect(state.received).toBeGreaterThan(0));
  socket.write(encodePong(Buffer.alloc(2 * MB)));
  await waitFor(() => expect(state.isClosed).toBe(true));
  expect(logs.join("\n")).toMatch(/the limit is 1048576/);
});

test("[TYP19] a connection over the limit is held and closed late; when one goes, another is served", async () => {
  const { client, logs } = await spliceRig(LOCAL, { maxConnections: 2, holdMs: 300 });
  const [one, two] = [client(), client()];
  for (const felix of [one, two]) await felix.until("in-sync", () => felix.hasSync);
  const began = performance.now();
  const third = client();
  await third.until("the end", () => third.isClosed);
  expect(performance.now() - began).toBeGreaterThan(250);
  expect(third.messages).toEqual([]);
  expect(logs.join("\n")).toMatch(/there are 2 connections already/);
  one.close();
  await waitFor(async () => {
    const again = client();
    await again.until("in-sync", () => again.hasSync, 250);
  });
});

test("[TYP5] a Felix that comes while Typha is away is held, and served when it is there", async () => {
  const { typha, client } = await spliceRig(LOCAL);
  await typha.down();
  const felix = client();
  const other = client({ syncerType: "node-status" });
  await waitFor(async () => {
    await typha.up();
  });
  await felix.until("in-sync", () => felix.hasSync);
  await other.until("its stream", () => other.kvs.size > 0);
  expect(felix.isClosed || other.isClosed).toBe(false);
});

test("[TYP10] a Felix that reads nothing costs a bounded backlog, and loses nothing when it reads again", async () => {
  const big = JSON.stringify("x".repeat(100_000));
  const { typha, feed, client, splice } = await spliceRig(LOCAL);
  const felix = client();
  await felix.until("in-sync", () => felix.hasSync);
  felix.setPaused(true);
  for (let n = 0; n < 300; n++) {
    typha.put(`/calico/v1/netset/${n % 50}`, big);
    feed.put("/calico/v1/netset/db_remote", `{"n":${n}}`);
  }
  typha.put("/calico/v1/Ready", "false");
  const other = client();
  await other.until("in-sync", () => other.hasSync);
  // Of 30 MB the kernel takes some; the rest waits at Typha, not here.
  expect(typha.backlogBytes).toBeGreaterThan(10 * MB);
  expect(splice.connections).toBe(2);
  felix.setPaused(false);
  await felix.until("the last", () => felix.kvs.get("/calico/v1/Ready") === "false");
  await felix.until(
    "the newest remote",
    () => felix.kvs.get("/calico/v1/netset/db_remote") === '{"n":299}',
    20_000,
  );
});

/** A definition of a struct without fields, whose name is that long. */
function definitionNamed(id: number, length: number): Buffer {
  const body = new GobWriter()
    .int(-id)
    .raw(Buffer.from("030101", "hex"))
    .text("x".repeat(length))
    .raw(Buffer.from("000000", "hex"));
  return new GobWriter().bytes(body.finish()).finish();
}

test("[TYP40] names in type definitions are short, and a stream defines few types", () => {
  expect(() => new GobDecoder(MB).feed(definitionNamed(70, 200))).toThrow(
    /name of 200 characters in a type definition/,
  );
  const many = new GobDecoder(MB);
  expect(() => {
    for (let id = 70; id < 200; id++) many.feed(definitionNamed(id, 100));
  }).toThrow(/more than 64 types/);
});

test("[TYP40] who says more than 64 KiB before a hello is refused, and Typha is not dialled for it", async () => {
  const { port, logs, typha } = await spliceRig(LOCAL, { holdMs: 50 });
  const clients = Array.from({ length: 8 }, () => raw(port));
  for (const { socket } of clients) {
    // A chunk of 1 MB begins, which is within what a message may have.
    socket.write(Buffer.from("fd100000", "hex"));
    socket.write(Buffer.alloc(100_000));
  }
  await waitFor(() => expect(clients.every(({ state }) => state.isClosed)).toBe(true));
  expect(logs.filter((line) => line.includes("before a hello, the limit is 65536"))).toHaveLength(
    8,
  );
  expect(typha.dialled).toBe(0);
});

test("[TYP40] connections of one address beyond the bound are held, and served when others have gone", async () => {
  const { client, logs } = await spliceRig(LOCAL, { maxPerAddress: 2, holdMs: 50 });
  const [one, two] = [client(), client()];
  for (const felix of [one, two]) await felix.until("in-sync", () => felix.hasSync);
  const third = client();
  await third.until("the end", () => third.isClosed);
  expect(third.messages).toEqual([]);
  expect(logs.join("\n")).toMatch(/there are 2 connections of this address already/);
  one.close();
  await waitFor(async () => {
    const again = client();
    await again.until("in-sync", () => again.hasSync, 250);
  });
});
