import { afterEach, expect, test } from "vitest";

import type { FolderDocuments } from "../../../relay/direct/documents.ts";
import type { JsonObject } from "../../../relay/kube/kube-object.ts";
import { DirectRccs } from "../../../relay/resources/direct-rccs.ts";
import { FakeResourceApi } from "../../support/fake-resource-api.ts";
import { objectOf } from "./resources.ts";

const DIRECT = { clusterAccessSecret: { name: "remote-db", namespace: "catwalk" } };
const PATH = "remoteclusterconfigurations/db";

class World {
  readonly api = new FakeResourceApi();
  readonly told: FolderDocuments[] = [];
  readonly problems: (string | null)[] = [];
  readonly rccs = new DirectRccs(
    {
      transport: () => this.api,
      after: (_, run) => {
        const timer = setTimeout(run, 5);
        return () => clearTimeout(timer);
      },
    },
    {
      onDocuments: (documents) => this.told.push(documents),
      onProblem: (problem) => this.problems.push(problem),
    },
  );

  put(name: string, spec: JsonObject, uid: string): void {
    this.api.put(
      `remoteclusterconfigurations/${name}`,
      objectOf("rcc", name, spec, {
        uid,
        annotations: { "catwalk.dev/labels": "prefixed", "catwalk.dev/services": "true" },
      }),
    );
  }

  /** Names that are followed, once they are these. */
  async until(...names: readonly string[]): Promise<void> {
    await expect.poll(() => [...(this.told.at(-1)?.rccs.keys() ?? ["?"])]).toEqual(names);
  }
}

const worlds: World[] = [];
const begin = (uid: string | null): World => {
  const world = new World();
  if (uid !== null) world.api.define(uid);
  worlds.push(world);
  world.rccs.start();
  return world;
};

afterEach(async () => {
  for (const { rccs } of worlds.splice(0)) await rccs.stop();
});

test("[DIR17] direct RCCs of the cluster are followed as they come, change and go; those of members are not", async () => {
  const world = begin("crd-1");
  await world.until();
  world.put("member", {}, "u-0");
  world.put("db", DIRECT, "u-1");
  await world.until("db");
  expect(world.told.at(-1)?.rccs.get("db")).toEqual({
    name: "db",
    spec: DIRECT,
    overlayRoutingMode: "Disabled",
    labels: "prefixed",
    services: true,
    where: "RemoteClusterConfiguration db",
  });
  const moved = { clusterAccessSecret: { name: "other", namespace: "catwalk" } };
  world.put("db", moved, "u-1");
  await expect.poll(() => world.told.at(-1)?.rccs.get("db")?.spec).toEqual(moved);
  const count = world.told.length;
  // It breaks a rule: what it was stays, and nothing is told.
  world.put("db", { ...moved, datastoreType: "nonsense" }, "u-1");
  world.put("other", DIRECT, "u-2");
  await world.until("db", "other");
  expect(world.told).toHaveLength(count + 1);
  expect(world.told.at(-1)?.rccs.get("db")?.spec).toEqual(moved);
  world.api.delete(PATH);
  await world.until("other");
  // From now on it names a member.
  world.put("other", {}, "u-2");
  await world.until();
});

test("[DIR17] what vanishes with its CRD is followed on; under another CRD it is that one's", async () => {
  const world = begin("crd-1");
  world.put("db", DIRECT, "u-1");
  world.put("left", DIRECT, "u-2");
  await world.until("db", "left");
  world.api.deleteDefinitions();
  await expect.poll(() => world.problems.at(-1)).toMatch(/is not there: kubectl apply/);
  expect([...(world.told.at(-1)?.rccs.keys() ?? [])]).toEqual(["db", "left"]);
  world.api.define("crd-2");
  world.put("db", DIRECT, "u-3");
  await expect.poll(() => world.problems.at(-1)).toBe(null);
  world.put("new", DIRECT, "u-4");
  await world.until("left", "db", "new");
  world.api.delete(PATH);
  await world.until("left", "new");
});

test("[DIR17] without a CRD there is none, and that is known; one that comes later is read", async () => {
  const world = begin(null);
  await world.until();
  expect(world.problems.at(-1)).toMatch(/is not there/);
  world.api.define("crd-1");
  world.put("db", DIRECT, "u-1");
  await world.until("db");
  expect(world.problems.at(-1)).toBe(null);
});
