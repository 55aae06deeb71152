/** Lists in parts. */
import { expect, test } from "vitest";

import { pageOf } from "../../../shared/api/page.ts";
import { rccRequest, TestHub, valueOf } from "./support.ts";

const DEMO = "/v1/meshes/demo";
const NAMES = ["a", "a-x", "b", "c"];

/** Everybody asks to see everybody else, and is granted it. */
async function world() {
  const hub = new TestHub();
  await hub.withClusters(...NAMES);
  const demo = hub.service("demo");
  for (const one of NAMES)
    for (const other of NAMES.filter((name) => name !== one)) {
      valueOf(await demo.applyRcc(one, rccRequest(other), "create"));
      valueOf(await demo.createGrant(other, one));
    }
  return hub;
}

interface Listed {
  readonly items: readonly Record<string, { name: string }>[];
  readonly next: string | null;
}

/** All parts of a list, one after the other. */
async function parts(hub: TestHub, path: string, limit: number): Promise<Listed[]> {
  const all: Listed[] = [];
  let cursor = "";
  do {
    const query = `limit=${limit}${cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`}`;
    const { body } = await hub.call(
      "GET",
      `${DEMO}/${path}${path.includes("?") ? "&" : "?"}${query}`,
    );
    all.push(body as unknown as Listed);
    cursor = all.at(-1)?.next ?? "";
  } while (cursor !== "" && all.length < 100);
  return all;
}

test("[API61] the parts of a list are the list, whatever their size", async () => {
  const hub = await world();
  for (const path of ["clusters", "rccs", "grants", "clusters/b/rccs", "grants?reader=c"]) {
    const whole = (await hub.call("GET", `${DEMO}/${path}`)).body as unknown as Listed;
    expect(whole.next).toBeNull();
    expect(whole.items.length).toBeGreaterThan(2);
    for (const limit of [1, 2, 5, 1_000]) {
      const all = await parts(hub, path, limit);
      expect(all.flatMap(({ items }) => items)).toEqual(whole.items);
      expect(all.every(({ items }) => items.length <= limit)).toBe(true);
      expect(all).toHaveLength(Math.max(1, Math.ceil(whole.items.length / limit)));
    }
  }
});

test("[API61] grants are filtered by both ends", async () => {
  const hub = await world();
  const pairs = async (query: string) =>
    ((await hub.call("GET", `${DEMO}/grants?${query}`)).body as unknown as Listed).items.map(
      ({ origin, reader }) => `${origin?.name}${reader?.name}`,
    );
  expect(await pairs("reader=a")).toEqual(["a-xa", "ba", "ca"]);
  expect(await pairs("origin=a")).toEqual(["aa-x", "ab", "ac"]);
  expect(await pairs("origin=a&reader=c")).toEqual(["ac"]);
  expect(await pairs("reader=nobody")).toEqual([]);
});

test("[API61] what goes meanwhile is no gap, and what comes behind the cursor is not missed", () => {
  const id = (item: string): string => item;
  expect(pageOf(["a", "b", "d"], id, { limit: 2 })).toEqual({ items: ["a", "b"], next: "b" });
  expect(pageOf(["a", "c", "d"], id, { limit: 2, cursor: "b" })).toEqual({
    items: ["c", "d"],
    next: null,
  });
  expect(pageOf([], id, { limit: 2, cursor: "b" })).toEqual({ items: [], next: null });
});
