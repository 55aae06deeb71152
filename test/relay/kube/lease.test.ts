import { expect, test } from "vitest";

import { LeaseHolder } from "../../../relay/kube/lease-holder.ts";
import {
  isHeld,
  leaseSeen,
  leaseTaken,
  nextLeaseStep,
  releaseStep,
  UNSEEN,
} from "../../../relay/kube/lease.ts";
import type { LeaseView } from "../../../relay/kube/lease.ts";
import { eventually } from "../../support/mesh-rig.ts";
import { FakeSliceApi } from "../../support/fake-slice-api.ts";

const VIEW: LeaseView = {
  holder: "other",
  durationSeconds: 15,
  renewTime: "",
  acquireTime: "",
  transitions: 4,
  resourceVersion: "7",
};

test("[SVC30] another's Lease is taken 15 s after it was last seen to change, by this machine's clock alone", () => {
  let state = leaseSeen(UNSEEN, VIEW, 1_000);
  expect(nextLeaseStep(state, "me", 15_999, 0).kind).toBe("wait");
  state = leaseSeen(state, { ...VIEW, resourceVersion: "8" }, 15_999);
  expect(nextLeaseStep(state, "me", 16_500, 0).kind).toBe("wait");
  state = leaseSeen(state, { ...VIEW, resourceVersion: "8" }, 20_000);
  expect(nextLeaseStep(state, "me", 30_999, 0)).toMatchObject({
    kind: "update",
    resourceVersion: "8",
    spec: { holderIdentity: "me", leaseTransitions: 5, renewTime: "1970-01-01T00:00:00.000000Z" },
  });
});

test("[SVC30] a holder that cannot renew stops after 10 s, before another may begin", () => {
  const state = leaseTaken({ ...VIEW, holder: "me" }, 1_000);
  expect(isHeld(state, 10_999)).toBe(true);
  expect(isHeld(state, 11_000)).toBe(false);
  expect(
    nextLeaseStep(leaseSeen(state, { ...VIEW, holder: "" }, 1_001), "me", 1_001, 0),
  ).toMatchObject({ kind: "update", spec: { holderIdentity: "me" } });
  expect(releaseStep(state, "me", 0)).toMatchObject({ spec: { holderIdentity: "" } });
  expect(releaseStep(leaseSeen(UNSEEN, VIEW, 0), "me", 0)).toBeNull();
});

test("[SVC30] one of two holds it; the other does as soon as it is given back", async () => {
  const api = new FakeSliceApi();
  const holderOf = (identity: string): LeaseHolder =>
    new LeaseHolder({
      transport: api,
      namespace: "catwalk",
      name: "services",
      identity,
      now: () => performance.now(),
      wallMs: () => Date.now(),
      onChange: () => undefined,
      onProblem: (message) => expect(message).toBe(""),
    });
  const [one, two] = [holderOf("one"), holderOf("two")];
  one.start();
  await eventually(
    () => Promise.resolve(one.isHeld),
    (held) => held,
  );
  two.start();
  await eventually(
    () => Promise.resolve(two.holder),
    (holder) => holder === "one",
  );
  expect(two.isHeld).toBe(false);
  await one.stop();
  await eventually(
    () => Promise.resolve(two.isHeld),
    (held) => held,
  );
  expect(one.isHeld).toBe(false);
  await two.stop();
});
