/**
 * Objects in, changes and problems out: what all sources do with an object once they have it. It
 * converts, encodes the record if it may travel, keeps the set, and tells each problem once, until
 * it is over. [SRC3] [SRC4] [SRC91]
 */
import { encodeChecked } from "../../shared/record/encoding.ts";
import type { EncodedChange, EncodedRecord } from "../../shared/record/encoding.ts";
import type { DeleteCause } from "../../shared/record/record.ts";
import { converted, runConverter } from "./convert/conversion.ts";
import type { Conversion, Part } from "./convert/conversion.ts";
import type { Collection } from "./convert/converters.ts";
import { FieldProblem, isJsonObject, objectName, readKubeObject } from "../kube/kube-object.ts";
import type { JsonObject, KubeObject } from "../kube/kube-object.ts";
import { isFillable } from "./convert/service.ts";
import { ObjectSet } from "./convert/object-set.ts";
import { encodeConversion } from "./encoded-conversion.ts";
import type { EncodedConversion } from "./encoded-conversion.ts";
import type { SourceSink } from "./source.ts";

/** Faults of one object: those of its conversion, and an object that has the key it wants. */
interface Faults {
  readonly conversion: string;
  readonly hidden: string;
}

export type ProblemSink = Pick<SourceSink, "problem" | "solved" | "fillable">;

/** Before the name of a Service, in its id. */
const A_SERVICE = objectName("Service", "", "");

export class RecordStore {
  readonly #sink: ProblemSink;
  readonly #encode: typeof encodeChecked;
  readonly #objects: ObjectSet;
  /** Of an object that gives several records: what each is called. */
  readonly #parts = new Map<string, ReadonlySet<string>>();
  readonly #faults = new Map<string, Faults>();

  constructor(sink: ProblemSink, encode = encodeChecked) {
    this.#sink = sink;
    this.#encode = encode;
    this.#objects = new ObjectSet(encode);
  }

  /**
   * @param where Stands before the problem's text (`pods.yaml:12`), or empty.
   * @returns The object's id with the changes; `id` is `null` when the JSON is not even an object
   *   with a name.
   */
  upsert(
    collection: Collection,
    json: unknown,
    where = "",
  ): { readonly id: string | null; readonly changes: readonly EncodedChange[] } {
    const read = readObject(json);
    const id = read.id ?? idFromJson(collection.kind, json);
    if (id === null) {
      this.#sink.problem({ object: `${collection.kind} without a name`, message: read.problem });
      return { id: null, changes: [] };
    }
    if (collection.kind === "Service")
      this.#sink.fillable?.(id, isJsonObject(json) && isFillable(json) ? json : null);
    if (collection.expand !== undefined && read.object !== null && isJsonObject(json))
      return { id, changes: this.#upsertParts(id, collection.expand, json, where) };
    const conversion =
      read.object === null
        ? { record: null, problems: [read.problem] }
        : runConverter(collection.convert, read.object);
    return { id, changes: this.upsertConverted(id, conversion, { noun: "object", where }) };
  }

  /** @param noun What is not published, in words. */
  upsertConverted(
    id: string,
    conversion: Conversion,
    { noun, where }: { readonly noun: string; readonly where: string },
  ): readonly EncodedChange[] {
    return this.upsertEncoded(id, encodeConversion(conversion, this.#encode, noun), where);
  }

  upsertEncoded(
    id: string,
    { encoded, problems }: EncodedConversion,
    where: string,
  ): readonly EncodedChange[] {
    const text =
      problems.length === 0
        ? ""
        : problems.map((p) => (where === "" ? p : `${where}: ${p}`)).join("; ");
    const changes = this.#set(id, encoded, "observed");
    this.#fault(id, { conversion: text });
    return changes;
  }

  remove(id: string, cause: DeleteCause): readonly EncodedChange[] {
    if (id.startsWith(A_SERVICE)) this.#sink.fillable?.(id, null);
    const parts = this.#parts.get(id);
    this.#parts.delete(id);
    const changes =
      parts === undefined
        ? this.#set(id, null, cause)
        : [...parts].flatMap((part) => this.#objects.set(part, null, cause));
    this.#fault(id, { conversion: "", hidden: "" });
    return changes;
  }

  /** What is there is put before what is gone goes: records may move between objects. */
  #upsertParts(
    id: string,
    expand: NonNullable<Collection["expand"]>,
    json: JsonObject,
    where: string,
  ): readonly EncodedChange[] {
    let parts: readonly Part[] = [];
    const { problems } = converted((report) => {
      parts = expand(json, report);
      return null;
    });
    const all = [...problems];
    const changes: EncodedChange[] = [];
    const [before, after] = [this.#parts.get(id) ?? new Set<string>(), new Set<string>()];
    for (const { part, record } of parts) {
      const result = this.#encode(record);
      if (result.kind === "problem")
        all.push(`${part}: ${result.problem.field}: ${result.problem.rule}`);
      else {
        after.add(`${id} ${part}`);
        changes.push(...this.#objects.set(`${id} ${part}`, result.encoded, "observed"));
      }
    }
    for (const part of before)
      if (!after.has(part)) changes.push(...this.#objects.set(part, null, "observed"));
    this.#parts.set(id, after);
    const [first = ""] = all;
    const more = all.length > 1 ? ` (and ${all.length - 1} more)` : "";
    const text = where === "" ? first : `${where}: ${first}`;
    this.#fault(id, { conversion: first === "" ? "" : `${text}${more}` });
    return changes;
  }

  #set(id: string, record: EncodedRecord | null, cause: DeleteCause): readonly EncodedChange[] {
    // Nothing was ever told, and there is nothing to tell of one that is alone.
    if (record !== null && this.#faults.size === 0 && this.#objects.putNew(id, record))
      return [record];
    const before = this.#objects.keyOfObject(id);
    const changes = this.#objects.set(id, record, cause);
    const after = record?.key ?? null;
    if (after === null) this.#fault(id, { hidden: "" });
    for (const key of before === after ? [after] : [before, after])
      if (key !== null) this.#tellHidden(key);
    return changes;
  }

  /** Of the objects that want a key. */
  #tellHidden(key: string): void {
    // Nearly always there is one, and nothing was ever told of it.
    if (this.#faults.size === 0 && !this.#objects.isShared(key)) return;
    const [winner, ...hidden] = this.#objects.contenders(key);
    if (winner !== undefined) this.#fault(winner, { hidden: "" });
    for (const loser of hidden)
      this.#fault(loser, { hidden: `has the key ${key} of ${winner ?? ""}, which wins by name` });
  }

  #fault(id: string, change: Partial<Faults>): void {
    const before = this.#faults.get(id);
    // Of nearly every object there is nothing to tell.
    if (before === undefined && !change.conversion && !change.hidden) return;
    const after = { conversion: "", hidden: "", ...before, ...change };
    if (after.conversion === "" && after.hidden === "") {
      if (before === undefined) return;
      this.#faults.delete(id);
      this.#sink.solved(id);
    } else if (before?.conversion !== after.conversion || before.hidden !== after.hidden) {
      this.#faults.set(id, after);
      const message = [after.conversion, after.hidden].filter((text) => text !== "").join("; ");
      this.#sink.problem({ object: id, message });
    }
  }
}

type ReadObject =
  | { readonly object: KubeObject; readonly id: string; readonly problem: "" }
  | { readonly object: null; readonly id: null; readonly problem: string };

function readObject(json: unknown): ReadObject {
  try {
    const object = readKubeObject(json);
    return {
      object,
      id: objectName(object.kind, object.metadata.namespace, object.metadata.name),
      problem: "",
    };
  } catch (error) {
    if (!(error instanceof FieldProblem)) throw error;
    return { object: null, id: null, problem: error.message };
  }
}

/**
 * The id of an object that is wrong elsewhere but has a name, so that its problem replaces its
 * record.
 */
export function idFromJson(kind: string, json: unknown): string | null {
  if (!isJsonObject(json) || !isJsonObject(json["metadata"])) return null;
  const { name, namespace = "" } = json["metadata"];
  if (typeof name !== "string" || name === "" || typeof namespace !== "string") return null;
  return objectName(kind, namespace, name);
}
