/**
 * What of the local state leaves the cluster under an export policy: the part of it that the
 * publisher sees, so that nothing else can be sent. Another policy shows as changes. [EXP2] [EXP3]
 */
import { encodeChecked } from "../../shared/record/encoding.ts";
import type { EncodedChange, EncodedRecord } from "../../shared/record/encoding.ts";
import type { Channel } from "../../shared/record/channel.ts";
import type { HashTrie } from "../../shared/log/hash-trie.ts";
import type { PublishedState } from "./differences.ts";
import { exporterOf } from "./export-policy.ts";
import type { ExportPolicy, Exporter } from "./export-policy.ts";
import { LocalState } from "./local-state.ts";
import type { LocalChange } from "./local-state.ts";

export class Exported implements PublishedState {
  readonly #local: LocalState;
  readonly #shown = new LocalState();
  #exporter: Exporter;

  constructor(local: LocalState, policy: ExportPolicy) {
    this.#local = local;
    this.#exporter = exporterOf(policy);
  }

  /** Records that leave. */
  get size(): number {
    return this.#shown.size;
  }

  trie(channel: Channel): HashTrie {
    return this.#shown.trie(channel);
  }

  get(keyHash: Uint8Array): EncodedRecord | undefined {
    return this.#shown.get(keyHash);
  }

  /** Holds the whole locally. @returns What of it leaves; `null`: nothing new. */
  applyChange(change: EncodedChange): LocalChange | null {
    this.#local.applyChange(change);
    if (change.op === "delete") return this.#shown.applyChange(change);
    const shown = this.#exporter(change.record);
    // What the owner keeps back from now on was not lost: it goes at once.
    if (shown === null)
      return this.#shown.applyChange({ op: "delete", key: change.key, cause: "observed" });
    if (shown === change.record) return this.#shown.applyChange(change);
    const encoded = encodeChecked(shown);
    if (encoded.kind === "problem")
      throw new Error(`BUG: a narrowed record: ${encoded.problem.field}: ${encoded.problem.rule}`);
    return this.#shown.applyChange(encoded.encoded);
  }

  /** @returns All local records again, for whoever applies changes. */
  setPolicy(policy: ExportPolicy): EncodedChange[] {
    this.#exporter = exporterOf(policy);
    return [...this.#local.records()];
  }
}
