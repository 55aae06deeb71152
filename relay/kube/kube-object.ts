/**
 * Kubernetes objects as they come: JSON of which nothing is known but what is checked here. An API
 * server guarantees types for built-in kinds, but not for permissive custom resources, and a file
 * guarantees nothing; so every field is read through these readers, and a wrong type is a
 * `FieldProblem` that names the field.
 */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    /** Empty for cluster-scoped objects. */
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
    readonly isBeingDeleted: boolean;
    /** RFC 3339; empty in a folder of YAML. */
    readonly createdAt: string;
  };
  readonly spec: JsonObject;
  readonly status: JsonObject;
}

export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * A field that breaks a rule. Thrown inside a conversion, and caught at its edge: an expected
 * outcome.
 */
export class FieldProblem extends Error {
  readonly field: string;
  readonly rule: string;
  constructor(field: string, rule: string) {
    super(`${field}: ${rule}`);
    this.field = field;
    this.rule = rule;
  }
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Absent and null are an empty object. @throws FieldProblem */
export function objectAt(parent: JsonObject, name: string, path: string): JsonObject {
  const value = parent[name] ?? {};
  if (!isJsonObject(value)) throw new FieldProblem(path, "must be an object");
  return value;
}

/** Absent and null are empty. @throws FieldProblem */
export function textAt(parent: JsonObject, name: string, path: string): string {
  const value = parent[name] ?? "";
  if (typeof value !== "string") throw new FieldProblem(path, "must be text");
  return value;
}

/** Absent and null are false. @throws FieldProblem */
export function flagAt(parent: JsonObject, name: string, path: string): boolean {
  const value = parent[name] ?? false;
  if (typeof value !== "boolean") throw new FieldProblem(path, "must be true or false");
  return value;
}

/** Absent and null are an empty list. @throws FieldProblem */
export function listAt(parent: JsonObject, name: string, path: string): readonly unknown[] {
  const value = parent[name] ?? [];
  if (!Array.isArray(value)) throw new FieldProblem(path, "must be a list");
  return value;
}

export function objectsAt(parent: JsonObject, name: string, path: string): readonly JsonObject[] {
  return listAt(parent, name, path).map((entry, i) => {
    if (!isJsonObject(entry)) throw new FieldProblem(`${path}[${i}]`, "must be an object");
    return entry;
  });
}

export function textsAt(parent: JsonObject, name: string, path: string): readonly string[] {
  return listAt(parent, name, path).map((entry, i) => {
    if (typeof entry !== "string") throw new FieldProblem(`${path}[${i}]`, "must be text");
    return entry;
  });
}

/**
 * Each text once, where it stands first: naming a profile again says nothing, and is refused by the
 * hub [ADM10].
 * @throws FieldProblem
 */
export function distinctTextsAt(parent: JsonObject, name: string, path: string): readonly string[] {
  const texts = textsAt(parent, name, path);
  return texts.some((text, i) => texts.indexOf(text) < i) ? [...new Set(texts)] : texts;
}

/** Absent and null are empty. @throws FieldProblem */
export function textMapAt(
  parent: JsonObject,
  name: string,
  path: string,
): Readonly<Record<string, string>> {
  const map = objectAt(parent, name, path);
  for (const key of Object.keys(map))
    if (typeof map[key] !== "string")
      throw new FieldProblem(`${path}[${JSON.stringify(key)}]`, "must be text (quote it in YAML)");
  // The parsed object itself: a copy of each map was a tenth of a conversion.
  return map as Readonly<Record<string, string>>;
}

/**
 * Checks what every object has.
 * @throws FieldProblem when `apiVersion`, `kind` or `metadata` are not those of an object.
 */
export function readKubeObject(json: unknown): KubeObject {
  if (!isJsonObject(json)) throw new FieldProblem("document", "must be an object");
  const apiVersion = textAt(json, "apiVersion", "apiVersion");
  const kind = textAt(json, "kind", "kind");
  if (apiVersion === "") throw new FieldProblem("apiVersion", missingVersion(json));
  if (kind === "") throw new FieldProblem("kind", "is missing");
  const metadata = objectAt(json, "metadata", "metadata");
  const name = textAt(metadata, "name", "metadata.name");
  if (name === "") throw new FieldProblem("metadata.name", "is missing");
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      namespace: textAt(metadata, "namespace", "metadata.namespace"),
      labels: textMapAt(metadata, "labels", "metadata.labels"),
      annotations: textMapAt(metadata, "annotations", "metadata.annotations"),
      isBeingDeleted: textAt(metadata, "deletionTimestamp", "metadata.deletionTimestamp") !== "",
      createdAt: textAt(metadata, "creationTimestamp", "metadata.creationTimestamp"),
    },
    spec: objectAt(json, "spec", "spec"),
    status: objectAt(json, "status", "status"),
  };
}

function missingVersion(json: JsonObject): string {
  const other = Object.keys(json).find((field) => field.toLowerCase() === "apiversion");
  return other === undefined || other === "apiVersion"
    ? "is missing"
    : `is missing (${other} is another field: write a capital V)`;
}

/** `Pod shop/web`, `Node node-a`: how problems and people call an object. */
export function objectName(kind: string, namespace: string, name: string): string {
  return namespace === "" ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
}
