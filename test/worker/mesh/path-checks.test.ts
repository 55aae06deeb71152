import { expect, test } from "vitest";

import type { PathReport } from "../../../shared/overlay/path-check.ts";
import { Clusters } from "./overlay-clusters.ts";
import { valueOf } from "./support.ts";

const PATH = "/v1/meshes/demo/clusters/a/path-checks/b";

async function routed(): Promise<Clusters> {
  const c = new Clusters();
  await c.start("a", "b", "c");
  await c.join("a", "b");
  await c.obeyBoth("a", "b");
  expect(c.order("a", "b")?.phase).toBe("commit");
  return c;
}

test("[OVL10] a check goes to both clusters with their facts, by names of their nodes, and to nobody else", async () => {
  const c = await routed();
  await c.join("a", "c");
  const begun = await c.hub.call("PUT", PATH, { phase: "listen", pairs: 2 });
  expect(begun.status).toBe(200);
  expect(begun.body).toMatchObject({ id: 1, phase: "listen", propagated: true });
  const [there, back] = [c.order("a", "b")?.path, c.order("b", "a")?.path];
  expect(there).toMatchObject({ id: 1, phase: "listen" });
  expect(there?.pairs.toSorted()).toEqual([
    ["a1", "b1"],
    ["a2", "b2"],
  ]);
  expect(back?.pairs).toEqual(there?.pairs.map(([a, b]) => [b, a]));
  expect(c.order("c", "a")?.path).toBe(undefined);
  expect(c.order("a", "c")?.path).toBe(undefined);
  for (const phase of ["send", "end"]) {
    expect((await c.hub.call("PUT", PATH, { phase })).body).toMatchObject({ id: 1, phase });
    expect(c.order("b", "a")?.path?.phase).toBe(phase);
  }
  // Nobody begins again what is over; a new check has another number.
  expect((await c.hub.call("PUT", PATH, { phase: "send" })).body.code).toBe("path-check-over");
  expect((await c.hub.call("PUT", PATH, { phase: "listen" })).body).toMatchObject({ id: 2 });
  const audit = (await c.hub.call("GET", "/v1/meshes/demo/audit")).body["items"];
  expect((audit as { action: string }[]).filter((row) => row.action === "path check")).toHaveLength(
    2,
  );
});

test("[OVL10] without routes there is no check, and with them it goes", async () => {
  const c = new Clusters();
  await c.start("a", "b");
  const status = async (method: "GET" | "PUT", body?: object) => {
    const answer = await c.hub.call(method, PATH, body);
    return [answer.status, answer.body.code];
  };
  expect(await status("PUT", { phase: "listen" })).toEqual([409, "no-routes"]);
  expect(await status("GET")).toEqual([404, "no-path-check"]);
  await c.join("a", "b");
  expect(await status("PUT", { phase: "listen" })).toEqual([409, "no-routes"]);
  await c.obeyBoth("a", "b");
  expect(await status("PUT", { phase: "send" })).toEqual([404, "no-path-check"]);
  expect(await status("PUT", { phase: "listen", pairs: 9 })).toEqual([400, "bad-request"]);
  expect((await c.hub.call("PUT", PATH.replace("/b", "/a"), { phase: "listen" })).status).toBe(422);
  expect(await status("PUT", { phase: "listen" })).toEqual([200, undefined]);
  await c.rcc("a", "b", "Disabled");
  expect(c.order("a", "b")).toMatchObject({ phase: "leave" });
  expect(c.order("a", "b")?.path).toBe(undefined);
  valueOf(await c.demo.deleteGrant("a", "b"));
  expect(await status("GET")).toEqual([404, "no-path-check"]);
});

test("[OVL11] what relays of both have said is one list of findings; of a check before nothing is", async () => {
  const c = await routed();
  await c.hub.call("PUT", PATH, { phase: "listen", pairs: 1 });
  const [pair] = c.order("a", "b")?.path?.pairs ?? [];
  const say = (name: string, remote: string, path: PathReport): void => {
    const edge = {
      rcc: remote,
      origin: { uid: c.uid(remote), name: remote },
      connectionStatus: 2 as const,
      endpoints: 0,
      refused: 0,
      digest: null,
      revision: 1,
      path,
    };
    c.hub.origin(c.uid(name)).report = { publisher: "connected", edges: [edge] };
  };
  const problem = "cannot listen: EADDRINUSE";
  say("a", "b", { id: 1, nodes: [{ node: pair?.[0] ?? "", phase: "listen", problem, flows: [] }] });
  say("b", "a", {
    id: 9,
    nodes: [{ node: pair?.[1] ?? "", phase: "end", problem: "", flows: [] }],
  });
  const { body } = await c.hub.call("GET", PATH);
  expect(body["nodes"]).toEqual(
    [
      { cluster: "a", node: pair?.[0], phase: "listen", problem },
      { cluster: "b", node: pair?.[1], phase: null, problem: "" },
    ].toSorted((x, y) => (c.uid(x.cluster) < c.uid(y.cluster) ? -1 : 1)),
  );
  const codes = (body["findings"] as { code: string }[]).map(({ code }) => code);
  expect(codes.toSorted()).toEqual(["NoRelay", "RelayProblem"]);
});
