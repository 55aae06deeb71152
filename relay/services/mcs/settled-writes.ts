/**
 * What was written last of each object, and the version that came of it: a server that drops a
 * field (a CRD of another version) is not asked for it again and again. [MCS6]
 */
import type { JsonObject } from "../../kube/kube-object.ts";
import { positionOf } from "../../kube/watch-event.ts";
import { canonical } from "../plan-writes.ts";
import { idOf, metadataOf } from "../followed-objects.ts";
import type { ImportStep } from "./plan-import.ts";

interface Settled {
  /** As the server answered to the last write, whichever part it was of. */
  readonly version: string;
  readonly whole: string;
  readonly status: string;
}

const NOTHING: Settled = { version: "", whole: "", status: "" };

export class SettledWrites {
  /** By kind and `namespace/name`. */
  readonly #settled = new Map<string, Settled>();

  /** @param object As the server has it since; `null`: it is gone. */
  wrote(step: ImportStep, object: JsonObject | null): void {
    const id = `${step.kind} ${idOf(step.object)}`;
    if (object === null) {
      this.#settled.delete(id);
      return;
    }
    const before = this.#settled.get(id) ?? NOTHING;
    const part = step.op === "status" ? "status" : "whole";
    this.#settled.set(id, { ...before, version: positionOf(object), [part]: contentOf(step) });
  }

  /** @param held The object as it is: nobody else has written it since. */
  has(step: ImportStep, held: JsonObject | null): boolean {
    const known = this.#settled.get(`${step.kind} ${idOf(step.object)}`);
    if (known === undefined || held === null || known.version !== positionOf(held)) return false;
    return known[step.op === "status" ? "status" : "whole"] === contentOf(step);
  }
}

function contentOf({ op, object }: ImportStep): string {
  if (op === "status") return canonical(object["status"] ?? {});
  const { labels, annotations } = metadataOf(object);
  return canonical([labels ?? {}, annotations ?? {}, object["spec"] ?? {}]);
}
