import { afterEach, expect, test } from "vitest";

import { dialTcp } from "../../../relay/typha/upstream/dial.ts";
import { warningOf } from "../../../relay/typha/splice/exposure.ts";
import { Splice } from "../../../relay/typha/splice/splice.ts";
import { fixedUpstream } from "../../../relay/typha/upstream/upstream.ts";
import { FakeFeed } from "../../support/fake-feed.ts";

const splices: Splice[] = [];
afterEach(async () => {
  for (const splice of splices.splice(0)) await splice.stop();
});

test.each([
  "127.0.0.1:5474",
  "127.8.0.1:5474",
  "localhost:5474",
  "[::1]:5474",
  "[::ffff:127.0.0.1]:5474",
])("[TYP26] %s is reached by this machine only", (listen) => expect(warningOf(listen)).toBe(null));

test.each([
  "0.0.0.0:5474",
  "[::]:5474",
  "10.0.0.7:5474",
  "[fd00::1]:5474",
  ":5474",
  "node-a1:5474",
  "127.example.com:5474",
])("[TYP26] %s is worth a warning that says what to do", (listen) => {
  const warning = warningOf(listen);
  expect(warning).toContain(`without TLS at ${listen}`);
  expect(warning).toContain("--listen-ca-file");
});

async function warningsOf(listen: string): Promise<string[]> {
  const said: string[] = [];
  const splice = new Splice({
    listen,
    upstream: fixedUpstream("127.0.0.1:1", dialTcp),
    feed: new FakeFeed(),
    isViewLoaded: () => true,
    inSyncWaitMs: 0,
    log: (level, message) => {
      if (level === "warn") said.push(message);
    },
  });
  splices.push(splice);
  await splice.start();
  return said;
}

test("[TYP26] a relay says so once, at its start", async () => {
  expect(await warningsOf("0.0.0.0:0")).toEqual([warningOf("0.0.0.0:0")]);
  expect(await warningsOf("127.0.0.1:0")).toEqual([]);
});
