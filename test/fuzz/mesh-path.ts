/**
 * The way of a value from a hostile origin to Felix, of the real parts: what the Origin does with
 * bytes that come in (schema, admission, ownership), what the view of a relay reads, what the relay
 * refuses again, and what it makes of the rest.
 */
import { felixValue } from "../../relay/felix/felix-values.ts";
import { OwnAddresses } from "../../relay/view/served.ts";
import { admissionFacts } from "../../shared/admission/judge.ts";
import { HashTrie } from "../../shared/log/hash-trie.ts";
import { channelOf } from "../../shared/record/channel.ts";
import { decodeRecord } from "../../shared/record/encoding.ts";
import { judgeChanges } from "../../worker/origin/publisher/judge-changes.ts";
import type { FelixUpdate } from "../support/felix-model/model.ts";

/** What the hostile cluster owns, and what is the reader's. */
export const HOSTILE_RANGES = {
  pods: ["10.66.0.0/16", "fd00:66::/64"],
  nodes: ["192.0.2.21/32", "192.0.2.22/32"],
};
export const LOCAL_RANGES = { pods: ["10.65.0.0/16"], nodes: ["192.0.2.11/32"] };
export const RCC = "blue";

export type Passed =
  /** What the hub refuses, and by which rule. */
  | { readonly at: "hub"; readonly rule: string }
  | { readonly at: "quarantine"; readonly rule: string }
  | { readonly at: "relay"; readonly rule: string }
  /** Kinds that no Felix is given. */
  | { readonly at: "kept" }
  | { readonly at: "felix"; readonly update: FelixUpdate };

const facts = admissionFacts(HOSTILE_RANGES, []);
const own = new OwnAddresses(LOCAL_RANGES, []);
const received = { admitted: new HashTrie(), received: { quarantined: () => undefined } };

export function throughMesh(bytes: Uint8Array): Passed {
  const named = decodeRecord(bytes);
  // In the channel of its kind: another one is refused for that alone.
  const channel = named.ok ? channelOf(named.record.kind) : "identity";
  const taken = judgeChanges(channel, [{ op: "put", bytes }], received, facts, 7);
  if (!taken.ok) return { at: "hub", rule: taken.rule };
  const [quarantined] = taken.intake.quarantine;
  const [admitted] = taken.intake.append;
  if (admitted?.change.op !== "put")
    return { at: "quarantine", rule: quarantined?.message ?? "nothing is admitted" };
  // Of an endpoint perhaps without some of its addresses.
  const passed = throughRelay(admitted.change.bytes);
  if (passed.at === "hub") throw new Error(`admitted, and not readable: ${passed.rule}`);
  return passed;
}

/** The relay's part alone: it does not rely on what a hub has refused. */
export function throughRelay(bytes: Uint8Array): Passed {
  const read = decodeRecord(bytes);
  if (!read.ok) return { at: "hub", rule: `${read.error.field} ${read.error.rule}` };
  const served = own.served(read.record);
  if (served.kind === "nothing") return { at: "relay", rule: served.reason };
  const felix = felixValue(RCC, served.kind === "part" ? served.record : read.record);
  return felix === null
    ? { at: "kept" }
    : { at: "felix", update: { key: felix.key, value: JSON.stringify(felix.value) } };
}

/** Whether a key stands where only the hostile cluster's may: under its names, or in its ranges. */
export function isRemoteKey(key: string): boolean {
  return (
    new RegExp(`^/calico/v1/host/${RCC}_[a-z0-9.-]+/(workload|endpoint)/`).test(key) ||
    new RegExp(`^/calico/resources/v3/projectcalico\\.org/profiles/${RCC}_[A-Za-z0-9_.-]+$`).test(
      key,
    ) ||
    /^\/calico\/v1\/ipam\/v(4|6)\/pool\/(?!10\.65\.)/.test(key)
  );
}
