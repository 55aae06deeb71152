/** An origin with a reader that sees a scope of it. */
import { keyOf } from "../../shared/record/key.ts";
import type { CalicoRecord, WorkloadEndpoint } from "../../shared/record/record.ts";
import type { OriginFacts } from "../../shared/visibility/facts.ts";
import { parseScope } from "../../shared/visibility/scope.ts";
import type { Scope } from "../../shared/visibility/scope.ts";
import { TestPublisher, TestReader } from "./origin-peers.ts";
import { facts, OriginWorld, READER_UID } from "./origin-world.ts";
import { address, node, pod, pool, putOf } from "./records.ts";

export const DB = scope({ selector: "role == 'db'", labels: ["role"] });
export const OTHER_UID = "c".repeat(32);

export function scope(value: unknown): Scope {
  const parsed = parseScope(value);
  if (!parsed.ok || parsed.scope === null) throw new Error(JSON.stringify(parsed));
  return parsed.scope;
}

/** The reader sees what a scope shows, or all. */
export function granted(
  accessVersion: number,
  shown: Scope | null,
  others: OriginFacts["scopedReaders"] = [],
): OriginFacts {
  const reader = { cluster: { uid: READER_UID, name: "app" }, keyGeneration: 1, rcc: "db" };
  if (shown === null) return facts({ accessVersion, readers: [reader] });
  return facts({
    accessVersion,
    readers: [],
    scopedReaders: [{ ...reader, scope: shown }, ...others],
  });
}

export const db = (name: string, n: number, labels = {}): WorkloadEndpoint =>
  pod(name, address(n), { role: "db", ...labels });
export const web = (name: string, n: number): WorkloadEndpoint =>
  pod(name, address(n), { role: "web" });
export const put = (record: WorkloadEndpoint) => putOf(record);
export const gone = (record: WorkloadEndpoint) =>
  ({ op: "delete", key: keyOf(record), cause: "observed" }) as const;

/** A hub with two pods of each kind, whose reader sees one kind. */
export function scopedWorld(shown = DB) {
  const world = new OriginWorld(granted(1, shown));
  const publisher = new TestPublisher(world);
  publisher.change(
    putOf(pool("10.20.0.0/16")),
    ...[db("a", 1, { secret: "x" }), db("b", 2), web("c", 3), web("d", 4)].map(put),
  );
  publisher.listed();
  publisher.connect();
  const reader = connected(world);
  world.advance(2_000);
  return { world, publisher, reader };
}

export function connected(world: OriginWorld, clusterUid = READER_UID): TestReader {
  const reader = new TestReader(world);
  reader.connect({ peer: { clusterUid } });
  world.advance(2_000);
  return reader;
}

export const nameOf = (record: CalicoRecord): string =>
  "name" in record ? record.name : "cidr" in record ? record.cidr : record.kind;
export const names = (reader: TestReader): string[] =>
  [...reader.views.values()]
    .flatMap((view) => [...view.records()].map(({ record }) => nameOf(record)))
    .toSorted();

/** A hub that held this many pods, every second one in the scope, before anybody was granted it. */
export function grownWorld(count: number) {
  const world = new OriginWorld(granted(1, null));
  const publisher = new TestPublisher(world);
  publisher.change(putOf(pool("10.20.0.0/16")), putOf(node("n")));
  publisher.listed();
  publisher.connect();
  const pods = Array.from({ length: count }, (_, n) =>
    n % 2 === 0 ? db(`p${n}`, n) : web(`p${n}`, n),
  );
  publisher.change(...pods.map(put));
  world.advance(10_000);
  return { world, publisher };
}
