/**
 * Changes in an etcd, step by step, through the source `etcd`, compared with what Calico's own etcd
 * syncer told of the same changes: which keys are new, updated and deleted, and what they are then.
 */
import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { EtcdSource } from "../../../relay/source/etcd/etcd-source.ts";
import { FakeEtcd } from "../../support/fake-etcd.ts";
import { meaningOf } from "./golden-etcd.ts";
import { reducedKeyValues } from "./golden.ts";
import type { KeyValues } from "./golden.ts";
import { Recorder } from "./recorder.ts";

interface Line {
  readonly step?: string;
  readonly op?: "put" | "delete" | "cut" | "compact" | "heal";
  readonly type?: "new" | "updated" | "deleted";
  readonly key?: string;
  readonly value?: unknown;
}

interface Step {
  readonly name: string;
  readonly lines: readonly Line[];
}

const FOLDER = new URL("../../fixtures/golden/etcd/", import.meta.url);

function stepsOf(file: string): Step[] {
  const steps: { name: string; lines: Line[] }[] = [];
  for (const text of readFileSync(new URL(file, FOLDER), "utf8").split("\n")) {
    if (text === "") continue;
    const line = JSON.parse(text) as Line;
    if (line.step === undefined) steps.at(-1)?.lines.push(line);
    else steps.push({ name: line.step, lines: [] });
  }
  return steps;
}

/** What becomes of each key between two states. */
function changesBetween(before: KeyValues, after: KeyValues): Record<string, string> {
  const found: Record<string, string> = {};
  for (const key of [...new Set([...before.keys(), ...after.keys()])].toSorted())
    if (!after.has(key)) found[key] = "deleted";
    else if (!before.has(key)) found[key] = `new ${meaningOf(key, after.get(key))}`;
    else if (meaningOf(key, before.get(key)) !== meaningOf(key, after.get(key)))
      found[key] = `updated ${meaningOf(key, after.get(key))}`;
  return found;
}

/** Written after each step; what is seen of it says that all before it was seen. */
const marker = (step: number): string => `/calico/ipam/v2/assignment/ipv4/block/10.99.${step}.0-26`;

const NOBODY = { username: "", password: "", ca: "", cert: "", key: "" };

class Replay {
  readonly etcd = new FakeEtcd();
  readonly recorder = new Recorder();
  readonly #source = new EtcdSource({
    access: () => Promise.resolve({ ...NOBODY, endpoints: [this.etcd.endpoint] }),
    random: () => 0,
  });
  #isCut = false;

  async start(lines: readonly Line[]): Promise<void> {
    await this.etcd.start();
    this.#apply(lines);
    this.#source.start(this.recorder);
    await this.recorder.until(() => this.recorder.listedCount === 1);
  }

  async step(lines: readonly Line[], step: number): Promise<void> {
    this.#apply(lines);
    const cidr = `10.99.${step}.0/26`;
    this.etcd.put(marker(step), { cidr, affinity: "host:node-a", deleted: false });
    await this.recorder.until(() => this.recorder.records.has(marker(step)));
  }

  async stop(): Promise<void> {
    await this.#source.stop();
    await this.etcd.stop();
  }

  /** Without the markers. */
  state(): KeyValues {
    return new Map([...this.recorder.dump()].filter(([key]) => !key.includes("/block/10.99.")));
  }

  #apply(lines: readonly Line[]): void {
    for (const { op, key = "", value } of lines)
      switch (op) {
        case "put":
          this.etcd.put(key, value, this.#isCut);
          break;
        case "delete":
          this.etcd.delete(key, this.#isCut);
          break;
        case "compact":
          this.etcd.compact();
          break;
        case "cut":
          this.etcd.breakConnections();
          this.#isCut = true;
          break;
        case "heal":
        case undefined:
          this.#isCut = false;
      }
  }
}

/** Told by Calico's syncer, key by key. */
function applyUpdates(state: Map<string, unknown>, lines: readonly Line[]): void {
  for (const { type, key = "", value } of lines)
    if (type === "deleted") state.delete(key);
    else state.set(key, value);
}

/** Key → what it was told to be, in order. */
function typesOf(lines: readonly Line[]): Map<string, string[]> {
  const types = new Map<string, string[]>();
  for (const { key = "", type = "" } of lines) types.set(key, [...(types.get(key) ?? []), type]);
  return types;
}

/** No route is made of such a block, so it is not published any more. */
const ON_PURPOSE =
  "a block that is being deleted | /calico/ipam/v2/assignment/ipv4/block/10.64.202.0-26 | deleted | updated: deleted";

/** What differs in each step, as `STEP | KEY | OURS | CALICO'S`, and which types there were. */
async function compare() {
  const operations = stepsOf("delta-operations.jsonl");
  const golden = stepsOf("delta-updates.jsonl");
  const replay = new Replay();
  const told = new Map<string, unknown>();
  const [first, ...steps] = operations;
  await replay.start(first?.lines ?? []);
  applyUpdates(told, golden[0]?.lines ?? []);
  let [ours, theirs] = [replay.state(), reducedKeyValues(told)];
  const differing = Object.keys(changesBetween(theirs, ours)).map((key) => `base | ${key}`);
  const types = new Set<string>();
  for (const [i, { name, lines }] of steps.entries()) {
    await replay.step(lines, i + 1);
    const updates = golden[i + 1]?.lines ?? [];
    applyUpdates(told, updates);
    const [now, goldenNow] = [replay.state(), reducedKeyValues(told)];
    const [seen, expected] = [changesBetween(ours, now), changesBetween(theirs, goldenNow)];
    for (const key of new Set([...Object.keys(seen), ...Object.keys(expected)])) {
      const [type = "same"] = (seen[key] ?? "").split(" ");
      types.add(type);
      // What the syncer itself calls it, where it told the key once.
      const [once = type, ...more] = typesOf(updates).get(key) ?? [];
      if (seen[key] !== expected[key] || (more.length === 0 && once !== type))
        differing.push(`${name} | ${key} | ${seen[key] ?? ""} | ${once}: ${expected[key] ?? ""}`);
    }
    [ours, theirs] = [now, goldenNow];
  }
  await replay.stop();
  const names = [operations, golden].map((one) => one.map(({ name }) => name));
  return { differing, types: [...types].toSorted(), names };
}

test("[DIR10] what changes in an etcd is new, updated and deleted as Calico's own syncer tells it", async () => {
  const { differing, types, names } = await compare();
  expect(differing).toEqual([ON_PURPOSE]);
  expect(types).toEqual(["deleted", "new", "updated"]);
  expect(names[0]).toEqual(names[1]);
  expect(names[0]?.length).toBeGreaterThan(20);
});
