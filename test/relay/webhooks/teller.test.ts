/** Who of a cluster's relays tells, in virtual time. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { newLogger } from "../../../relay/lib/log.ts";
import type { RemoteSight } from "../../../relay/webhooks/judge-remote.ts";
import { WebhookTeller } from "../../../relay/webhooks/teller.ts";
import type { Sent } from "../../../shared/webhooks/retry.ts";

const START_MS = Date.UTC(2026, 10, 30);
const OK: Sent = { kind: "answered", status: 204, retryAfterMs: null };

let dir = "";
let nowMs = 0;
let sights: RemoteSight[] | null = null;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "catwalk-teller-"));
  writeFileSync(join(dir, "secret"), `whsec_${Buffer.alloc(24, 1).toString("base64")}`);
  nowMs = 0;
  sights = null;
});

afterEach(() => rmSync(dir, { recursive: true }));

function sight(connectionStatus: number): RemoteSight[] {
  return [{ rcc: "db", connectionStatus, conditions: [], notAdmitted: 0, held: 0 }];
}

function open(name: string, mayTell: () => boolean) {
  const posts: string[] = [];
  const ids: string[] = [];
  const waiting: { atMs: number; run: () => void }[] = [];
  const relay = { posts, ids, answer: OK, run: (ms: number) => run(ms), teller: newTeller() };
  function newTeller(): WebhookTeller {
    return new WebhookTeller({
      settings: {
        cluster: "app",
        webhooks: [
          {
            name: "ops",
            url: "https://ops.example/",
            secretFile: join(dir, "secret"),
            format: "standard",
            events: ["sync.lost", "sync.recovered"],
          },
        ],
      },
      stateDir: dir,
      log: newLogger("test", "silent"),
      mayTell,
      sights: () => sights,
      ports: {
        now: () => nowMs,
        wallMs: () => START_MS + nowMs,
        random: () => (name === "a" ? 0.25 : 0.75),
        after: (ms, run) => {
          const timer = { atMs: nowMs + ms, run };
          waiting.push(timer);
          return () => void waiting.splice(waiting.indexOf(timer), 1);
        },
      },
      post: async (_url, { headers, body }) => {
        const { type } = JSON.parse(body) as { type: string };
        posts.push(type);
        ids.push(headers["webhook-id"] ?? "");
        return relay.answer;
      },
    });
  }
  /** As long as the relay's own clock goes on; what is on its way comes to its end. */
  async function run(ms: number): Promise<void> {
    for (const endMs = nowMs + ms; nowMs < endMs; nowMs += 1_000) {
      const due = waiting.filter(({ atMs }) => atMs <= nowMs);
      for (const timer of due) waiting.splice(waiting.indexOf(timer), 1);
      for (const timer of due) timer.run();
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
  relay.teller.start();
  return relay;
}

/** Until what it has begun is over. */
async function settle(what: () => boolean): Promise<void> {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 1));
}

test("[DIR21] before what names the remotes is read nothing is told to be over", async () => {
  const relay = open("a", () => true);
  await relay.run(60_000);
  expect(relay.posts).toEqual([]);
});

test("[DIR21] one that stands by tells nothing, and when it takes over what is wrong, by its own id", async () => {
  let isHolder = false;
  sights = sight(0);
  const relay = open("b", () => isHolder);
  await relay.run(60_000);
  expect(relay.posts).toEqual([]);
  expect(relay.teller.report().isTeller).toBe(false);
  isHolder = true;
  await relay.run(2_000);
  await settle(() => relay.posts.length === 1);
  expect(relay.posts).toEqual(["sync.lost"]);
  expect(relay.ids[0]).toBe(`evt_c00000000000_${START_MS + 20_000}`);
  relay.teller.stop();
});

test("[DIR21] a delivery that fails is tried again, and after 410 nothing more is told", async () => {
  sights = sight(0);
  const relay = open("a", () => true);
  relay.answer = { kind: "failed", error: "no answer" };
  await relay.run(22_000);
  await settle(() => relay.posts.length === 1);
  expect(relay.teller.report().webhooks[0]).toMatchObject({ waiting: 1, problem: "no answer" });
  relay.answer = { kind: "answered", status: 410, retryAfterMs: null };
  await relay.run(7_000);
  await settle(() => relay.teller.report().webhooks[0]?.isDisabled === true);
  expect(new Set(relay.ids).size).toBe(1);
  sights = sight(2);
  await relay.run(10_000);
  expect(relay.posts).toEqual(["sync.lost", "sync.lost"]);
  relay.teller.stop();
});
