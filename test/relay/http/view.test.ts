/** How a relay tells what it serves, to clients that take it fast, slowly, or not at all. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";

import { afterEach, expect, test } from "vitest";

import { MAX_VIEW_STREAMS, ViewStreams } from "../../../relay/http/view-streams.ts";
import type { CalicoRecord } from "../../../shared/record/record.ts";
import { eventually } from "../../support/mesh-rig.ts";
import { LoneRelay } from "../../support/lone-relay.ts";
import { pod, putOf } from "../../support/records.ts";
import { rounds } from "../../support/rounds.ts";
import { accessFacts } from "../../support/stored-view.ts";

const RECORDS = rounds(20_000, 60_000);
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

interface Line {
  readonly origin?: string;
  readonly event?: string;
  readonly key?: string;
  readonly deleted?: boolean;
  readonly record?: { readonly ips: readonly string[] };
}

const pods = (count: number): CalicoRecord[] =>
  Array.from({ length: count }, (_, n) =>
    pod(`p${n}`, `10.${20 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`),
  );

function lone(count: number) {
  const rig = new LoneRelay();
  ends.push(() => rig.close());
  return { rig, relay: rig.start(pods(count)) };
}

async function* linesOf(url: string, path = "/view"): AsyncGenerator<Line> {
  const response = await fetch(new URL(path, url));
  expect(response.status).toBe(200);
  const body = Readable.fromWeb(response.body as never);
  body.on("error", () => undefined);
  try {
    for await (const text of createInterface({ input: body })) yield JSON.parse(text) as Line;
  } finally {
    body.destroy();
  }
}

async function all(lines: AsyncGenerator<Line>): Promise<Line[]> {
  const found: Line[] = [];
  for await (const line of lines) found.push(line);
  return found;
}

test(`[VIE23] of ${RECORDS} records every line comes, and other requests are answered meanwhile`, async () => {
  const { rig } = lone(RECORDS);
  const url = await rig.serve();
  let isOver = false;
  const lines = all(linesOf(url)).finally(() => (isOver = true));
  const waits: number[] = [];
  while (!isOver) {
    const began = performance.now();
    expect((await fetch(new URL("/healthz", url))).status).toBe(200);
    waits.push(performance.now() - began);
  }
  const keys = new Set((await lines).map(({ key }) => key));
  expect(keys.size).toBe(RECORDS + 1);
  expect((await lines).at(-1)).toMatchObject({ event: "listed", cluster: "app" });
  expect(waits.length).toBeGreaterThan(rounds(5, 20));
  expect(waits.toSorted((a, b) => a - b)[waits.length >> 1]).toBeLessThan(250);
});

test("[VIE23] what changes while it is told is neither lost nor shown older than the change that follows", async () => {
  const { rig, relay } = lone(20_000);
  const url = await rig.serve();
  const last = new Map<string, Line>();
  let seen = 0;
  let isListed = false;
  for await (const line of linesOf(url, "/view?follow=true")) {
    if (line.event === "listed") {
      isListed = true;
      break;
    }
    last.set(String(line.key), line);
    seen++;
    if (seen === 100) {
      rig.sink?.apply([putOf(pod("own", "10.10.0.1"))]);
      relay.remotes.followFacts(accessFacts(2, [{ state: "not-granted" }]), false);
    }
  }
  expect(isListed).toBe(true);
  const shown = [...last.values()].filter(({ deleted }) => deleted !== true);
  expect(shown.map(({ origin }) => origin)).toEqual(["app"]);
});

/** A server with limits of the test. */
async function served({ relay }: ReturnType<typeof lone>, untakenMs: number) {
  const streams = new ViewStreams(relay, { sliceMs: 1, untakenMs, pending: 1_000 });
  const closed: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    response.on("close", () => closed.push(request.url));
    streams.serve(request.url === "/view?follow=true", response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(
    () => server.close(),
    () => server.closeAllConnections(),
  );
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, closed };
}

test("[VIE24] a client that takes nothing is cut off; one that waits for changes is not, and hears them", async () => {
  const rig = lone(20_000);
  const { url, closed } = await served(rig, 300);
  const heard: Line[] = [];
  const reading = (async () => {
    for await (const line of linesOf(url, "/view?follow=true")) {
      heard.push(line);
      if (line.origin === "app") break;
    }
  })();
  const stuck = connect(Number(new URL(url).port), "127.0.0.1");
  stuck.on("error", () => undefined).pause();
  stuck.write("GET /view HTTP/1.1\r\nhost: x\r\n\r\n");
  await eventually(
    () => Promise.resolve([...closed, heard.at(-1)?.event]),
    ([cut, event]) => cut === "/view" && event === "listed",
  );
  stuck.destroy();
  expect(closed).toEqual(["/view"]);
  rig.rig.sink?.apply([putOf(pod("own", "10.10.0.1"))]);
  await reading;
  expect(heard.at(-1)).toMatchObject({ origin: "app", record: { ips: ["10.10.0.1"] } });
});

test("[VIE24] so many are read at once; one more is told to ask again, and is served when one has ended", async () => {
  const { rig } = lone(1);
  const url = await rig.serve();
  const followers = Array.from({ length: MAX_VIEW_STREAMS }, () => new AbortController());
  for (const { signal } of followers)
    expect((await fetch(new URL("/view?follow=true", url), { signal })).status).toBe(200);
  const refused = await fetch(new URL("/view", url));
  expect(refused.status).toBe(503);
  expect(refused.headers.get("retry-after")).toBe("5");
  expect((await fetch(new URL("/healthz", url))).status).toBe(200);
  followers[0]?.abort();
  await eventually(
    async () => (await fetch(new URL("/view", url))).status,
    (status) => status === 200,
  );
  for (const follower of followers) follower.abort();
});
