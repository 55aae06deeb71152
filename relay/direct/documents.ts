/**
 * The RCCs of a folder of YAML: which there are, and what is wrong with the others. Pure over the
 * texts of the files. [DIR1] [DIR2]
 *
 * A file that cannot be read as it is now keeps what it held before; a document that breaks a rule
 * is an RCC that is not complete, and costs no other document.
 */
import type { LabelMode } from "../../shared/visibility/facts.ts";
import type { FieldProblem } from "../../shared/visibility/field-problem.ts";
import { asksServices, labelModeOf, parseRcc } from "../../shared/visibility/rcc.ts";
import { connectionFields } from "../../shared/visibility/rcc-connection.ts";
import type { RccSpec } from "../../shared/visibility/rcc-connection.ts";
import type { JsonObject } from "../kube/kube-object.ts";
import { isJsonObject } from "../kube/kube-object.ts";
import { readDocuments } from "../source/manifests/read-documents.ts";

export interface DirectRcc {
  readonly name: string;
  readonly spec: RccSpec;
  readonly overlayRoutingMode: "Enabled" | "Disabled";
  readonly labels: LabelMode;
  /** Services are followed too. [DIR18] */
  readonly services: boolean;
  /** `db.yaml:3` */
  readonly where: string;
}

/** A document that is no RCC to follow. `name` is empty where it has none. */
export interface BadDocument {
  readonly name: string;
  readonly where: string;
  readonly problems: readonly FieldProblem[];
}

export interface FileDocuments {
  readonly rccs: readonly DirectRcc[];
  readonly bad: readonly BadDocument[];
}

export interface FolderDocuments {
  readonly rccs: ReadonlyMap<string, DirectRcc>;
  readonly bad: readonly BadDocument[];
}

const KIND = "RemoteClusterConfiguration";

/** @param before What the file held when it could be read last. */
export function readFileDocuments(
  path: string,
  text: string,
  before: FileDocuments | undefined,
): FileDocuments {
  const read = readDocuments(text);
  if (!read.ok) {
    const where = `${path}:${read.line}`;
    const kept = before === undefined ? "" : "; what the file held before stays";
    const problems = [{ field: "document", rule: `${withoutSource(read.message)}${kept}` }];
    return { rccs: before?.rccs ?? [], bad: [{ name: "", where, problems }] };
  }
  const rccs: DirectRcc[] = [];
  const bad: BadDocument[] = [];
  for (const { json, line } of read.objects) {
    const where = `${path}:${line}`;
    const parsed = readOne(json, where);
    if ("problems" in parsed) bad.push(parsed);
    else rccs.push(parsed);
  }
  return { rccs, bad };
}

/** Of two documents with one name the first counts, in the order of their files. */
export function mergeDocuments(files: ReadonlyMap<string, FileDocuments>): FolderDocuments {
  const rccs = new Map<string, DirectRcc>();
  const bad: BadDocument[] = [];
  for (const path of [...files.keys()].toSorted()) {
    const file = files.get(path);
    bad.push(...(file?.bad ?? []));
    for (const rcc of file?.rccs ?? []) {
      const first = rccs.get(rcc.name);
      if (first === undefined) rccs.set(rcc.name, rcc);
      else bad.push(refused(rcc, "metadata.name", `${rcc.name} is an RCC of ${first.where}`));
    }
  }
  return { rccs, bad };
}

function readOne(json: JsonObject, where: string): DirectRcc | BadDocument {
  const name = nameIn(json);
  if (json["kind"] !== KIND)
    return { name: "", where, problems: [{ field: "kind", rule: `must be ${KIND}` }] };
  const parsed = parseRcc(json, "relay");
  if (!parsed.ok) return { name, where, problems: parsed.problems };
  const { rcc } = parsed;
  const document = {
    name: rcc.name,
    spec: rcc.spec,
    overlayRoutingMode: rcc.overlayRoutingMode,
    labels: labelModeOf(rcc.annotations),
    services: asksServices(rcc.annotations),
    where,
  };
  return connectionFields(rcc.spec).length === 0
    ? refused(document, "spec", "names no datastore: an RCC of a member goes to the hub")
    : document;
}

function refused({ name, where }: DirectRcc, field: string, rule: string): BadDocument {
  return { name, where, problems: [{ field, rule }] };
}

function nameIn({ metadata }: JsonObject): string {
  const name = isJsonObject(metadata) ? metadata["name"] : "";
  return typeof name === "string" ? name.slice(0, 63) : "";
}

/** The parser's words quote what it read, and that may be a secret. [DIR4] */
function withoutSource(message: string): string {
  return (message.split("\n")[0] ?? "").replace(/[:"'`].*$/, "");
}
