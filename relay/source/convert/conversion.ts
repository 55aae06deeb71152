/**
 * The result of a conversion. Two kinds of wrong input are told apart, as Calico does: a field that
 * only loses itself (`problems` beside a record), and one that takes the whole object with it (a
 * `FieldProblem` thrown, which becomes `problems` without one).
 */
import type { CalicoRecord } from "../../../shared/record/record.ts";
import { FieldProblem } from "../../kube/kube-object.ts";
import type { JsonObject, KubeObject } from "../../kube/kube-object.ts";

export interface Conversion {
  /** `null`: the object has nothing to publish (a host-network pod), or is lost to a problem. */
  readonly record: CalicoRecord | null;
  /** Each names the field and the rule. */
  readonly problems: readonly string[];
}

export type Report = (field: string, rule: string) => void;

/** @throws FieldProblem when the whole object is lost. `report` is for what only loses a field. */
export type Converter = (object: KubeObject, report: Report) => CalicoRecord | null;

/** One record of several that an object gives, and what tells them apart. */
export interface Part {
  readonly part: string;
  readonly record: CalicoRecord;
}

/** @throws FieldProblem when the whole object is lost. */
export type Expander = (object: JsonObject, report: Report) => readonly Part[];

/** Runs a converter and turns its exceptions into problems. */
export function runConverter(convert: Converter, object: KubeObject): Conversion {
  return converted((report) => convert(object, report));
}

/** The same for whatever gives a record. @param convert May throw a `FieldProblem`. */
export function converted(convert: (report: Report) => CalicoRecord | null): Conversion {
  const problems: string[] = [];
  try {
    const record = convert((field, rule) => problems.push(`${field}: ${rule}`));
    return { record, problems };
  } catch (error) {
    if (!(error instanceof FieldProblem)) throw error;
    return { record: null, problems: [...problems, error.message] };
  }
}
