import { expect, test } from "vitest";

import { parseHeader, parseMeta } from "../../../relay/view/file-meta.ts";
import type { OpenedBody } from "../../../relay/view/file-meta.ts";

type InFiles = Exclude<OpenedBody, { readonly type: "repair-needed" | "unreadable" }>;

const b = (n: number): Uint8Array => new Uint8Array(16).fill(n);
const header = { rcc: "db", meshId: "m", originUid: "u", originName: "n" };
const cursor = { epoch: "e", revision: 4, chain: b(1) };

/** One of each type. */
const METAS: { readonly [T in InFiles["type"]]: Extract<InFiles, { type: T }> } = {
  header: { type: "header", ...header, scope: { kinds: ["Node"] }, kept: ["app"] },
  kept: { type: "kept", channel: "pools" },
  position: {
    type: "position",
    channel: "routing",
    health: { cursor, verified: { revision: 4, digest: b(2) } },
    isPopulated: true,
  },
  complete: { type: "complete", channels: ["identity", "pools"] },
  "repair-plan": {
    type: "repair-plan",
    channel: "identity",
    epoch: "e",
    head: 9,
    blobs: 2,
    after: 4,
    chain: b(1),
  },
  blob: { type: "blob", channel: "identity", bits: 1, prefix: 2 ** 31, revision: 3, changes: [] },
  tail: {
    type: "tail",
    channel: "identity",
    after: 3,
    previous: b(1),
    revision: 4,
    chain: b(2),
    changes: [{ op: "delete", keyHash: new Uint8Array(12), cause: "observed" }],
  },
  checkpoint: {
    type: "checkpoint",
    channel: "identity",
    epoch: "e",
    revision: 4,
    digest: b(3),
    populated: true,
    sweep: false,
  },
};

test("[VIE5] what a view file may say is read as it was written", () => {
  for (const meta of Object.values(METAS)) expect(parseMeta(meta)).toEqual(meta);
  const unproven = { ...METAS.position, health: { cursor: null, verified: null } };
  expect(parseMeta(unproven)).toEqual(unproven);
  expect(parseHeader(METAS.header)).toEqual({
    ...header,
    scope: { kinds: ["Node"] },
    kept: ["app"],
  });
});

test("[VIE5] what lacks a field, or has another in its place, is of no version that is known", () => {
  for (const meta of Object.values(METAS))
    for (const field of Object.keys(meta).filter((name) => name !== "scope" && name !== "kept")) {
      expect(parseMeta({ ...meta, [field]: undefined })).toBe(null);
      expect(parseMeta({ ...meta, [field]: { odd: true } })).toBe(null);
    }
  for (const odd of [null, 7, "header", [], { type: "newer" }, { ...header }])
    expect(parseMeta(odd)).toBe(null);
  expect(parseMeta({ ...METAS.header, scope: { kinds: ["Secret"] } })).toBe(null);
  expect(parseHeader({ rcc: "db" })).toBe(null);
});
