/**
 * What Typhas of Calico 3.31 and 3.30 really sent, through the relay to a Felix of their version:
 * older policy keys, no flag for modern ones.
 */
import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { dialTcp } from "../../../relay/typha/upstream/dial.ts";
import { fixedUpstream } from "../../../relay/typha/upstream/upstream.ts";
import { cleanUp, spliceRig } from "../../support/splice-rig.ts";
import { startFakeTypha } from "../../support/typha.ts";

const FOLDER = new URL("../../fixtures/golden/typha/", import.meta.url);
const REMOTE = "/calico/v1/host/db_n1/workload/k8s/shop%2fpg-0/endpoint/eth0";

interface Recording {
  readonly connections: readonly {
    readonly messages: readonly {
      readonly dir: string;
      readonly type: string;
      readonly fields: {
        readonly Version?: string;
        readonly KVs?: readonly { readonly key: string; readonly value: string | null }[];
      };
    }[];
  }[];
}

/** `null`: deleted in the end. */
function told(recording: Recording): Map<string, string | null> {
  const kvs = recording.connections.flatMap(({ messages }) =>
    messages.flatMap(({ dir, fields }) => (dir === "s2c" ? (fields.KVs ?? []) : [])),
  );
  return new Map(kvs.map(({ key, value }) => [key, value]));
}

test.each([
  ["h-331-plain", true],
  ["h-331-plain", false],
  ["h-330-plain", true],
  ["h-330-plain", false],
])(
  "[TYP17] %s: a Felix of that version (decoder restart: %s) gets all that its Typha said, and the remote's",
  async (name, supportsDecoderRestart) => {
    const recording = JSON.parse(
      readFileSync(new URL(`${name}.json`, FOLDER), "utf8"),
    ) as Recording;
    const typha = await startFakeTypha(readFileSync(new URL(`${name}.s2c.bin`, FOLDER)));
    cleanUp(() => typha.close());
    const { feed, client } = await spliceRig(
      {},
      { upstream: fixedUpstream(typha.address, dialTcp) },
    );
    feed.put(REMOTE, '{"remote":1}');
    const version = name.startsWith("h-331") ? "v3.31.7" : "v3.30.7";
    const felix = client({ version, supportsModernPolicyKeys: false, supportsDecoderRestart });
    await felix.until("in-sync", () => felix.hasSync);
    const expected = told(recording);
    expect([...expected.keys()].filter((key) => key.includes("/policy/tier/")).length).toBe(4);
    const kept = [...expected].filter(([, value]) => value !== null);
    await felix.until("what was deleted", () => felix.deleted.length === 2);
    expect(Object.fromEntries(felix.kvs)).toEqual(
      Object.fromEntries([...kept, [REMOTE, '{"remote":1}']]),
    );
    expect(felix.messages.find(({ type }) => type === "MsgServerHello")).toMatchObject({ version });
  },
);
