import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, expect, test } from "vitest";

import { RemoteView } from "../../../relay/view/remote-view.ts";
import { ViewFile } from "../../../relay/view/view-file.ts";
import { encodePayload } from "../../../shared/log/payload.ts";
import { hashKey } from "../../../shared/record/encoding.ts";
import { keyOf } from "../../../shared/record/key.ts";
import { address, pod, put } from "../../support/records.ts";

const dir = mkdtempSync(join(tmpdir(), "catwalk-view-"));
afterEach(() => rmSync(dir, { recursive: true }));

/**
 * Found by the simulation, seed 5: a delete is applied with the record that it takes away, which
 * could not be read while the file was loaded.
 */
test("[VIE5] a file that says that pods went is loaded like any other", () => {
  const header = { rcc: "db", meshId: "mesh-1", originUid: "b".repeat(32), originName: "db" };
  const path = join(dir, "db.view");
  const view = new RemoteView(new ViewFile(path), header);
  const common = { origin: 0, channel: "identity" } as const;
  const chain = new Uint8Array(16);
  const pods = [pod("stays", address(1)), pod("goes", address(2))];
  view.onMessage({
    ...common,
    type: "repair-plan",
    epoch: "e",
    head: 1,
    blobs: 1,
    after: 1,
    chain,
  });
  const blob = { bits: 0, prefix: 0, revision: 1, payload: encodePayload(pods.map(put)) };
  view.onMessage({ ...common, type: "blob", ...blob });
  const keyHash = hashKey(keyOf(pod("goes", address(2))));
  const payload = encodePayload([{ op: "delete", keyHash, cause: "observed" }]);
  view.onMessage({
    ...common,
    type: "frame",
    revision: 2,
    previous: chain,
    payload,
    settled: null,
  });
  view.close();
  const again = new RemoteView(new ViewFile(path), header);
  expect([...again.records()].map(({ key }) => key)).toEqual([keyOf(pod("stays", address(1)))]);
  again.close();
});
