/** [VIE25] A member brings more than a reader takes: what relay, hub and people are told. */
import { afterAll, beforeAll, expect, test } from "vitest";

import type { RelayStatus } from "../../relay/status.ts";
import { eventually, MeshRig } from "../support/mesh-rig.ts";

const rig = new MeshRig();

beforeAll(async () => {
  await rig.startHub();
  await rig.createDemo();
  await rig.startRelay("db");
});

afterAll(() => rig.stop());

const remotes = async (): Promise<RelayStatus["remotes"]> =>
  (await rig.fromRelay<RelayStatus>("app", "/status")).remotes;

test("[VIE25] a remote beyond the reader's options is named in its status and in the mesh's; without them it comes", async () => {
  await rig.startRelay("app", "--remote-max-records", "1");
  const [remote] = await eventually(remotes, ([first]) => first?.overLimit !== undefined);
  expect(remote?.overLimit).toContain("--remote-max-records is 1");
  expect((await rig.served("app", "db")).length).toBeLessThanOrEqual(1);
  const status = await eventually(
    () => rig.catwalk("status"),
    ({ out, err }) => `${out}${err}`.includes("takes no more of db"),
  );
  expect(status.status).toBe(0);
  await rig.killRelay("app");
  await rig.startRelay("app");
  await eventually(
    () => rig.served("app", "db"),
    (ips) => ips.length > 1,
  );
});
