/**
 * The objects of all files as one set. An object has one home: of two files (or documents) with the
 * same object the first by path (then by line) wins, and the other is a problem that names both.
 * Pure, so that the order of scans never matters. [SRC42]
 */
import { policyKindOf } from "../../kube/policy-kinds.ts";
import { collectionOf } from "../convert/converters.ts";
import type { Collection } from "../convert/converters.ts";
import { FieldProblem, isJsonObject, objectName, readKubeObject } from "../../kube/kube-object.ts";
import type { JsonObject } from "../../kube/kube-object.ts";
import { readPolicyObject } from "../policy-object.ts";
import type { PolicyObject, SourceProblem } from "../source.ts";
import type { LocatedObject } from "./read-documents.ts";

export interface FollowedObject {
  readonly collection: Collection;
  readonly json: JsonObject;
  /** `pods.yaml:12` */
  readonly where: string;
}

export interface FileContent {
  readonly followed: readonly (FollowedObject & { readonly id: string })[];
  readonly policies: readonly PolicyObject[];
}

/**
 * Sorts a file's objects into what is followed and policies with what goes with them; everything
 * else in it (Deployments, Services …) is not ours.
 */
export function classify(
  path: string,
  objects: readonly LocatedObject[],
): FileContent | { readonly line: number; readonly message: string } {
  const followed: (FollowedObject & { id: string })[] = [];
  const policies: PolicyObject[] = [];
  for (const { line, json: written } of objects) {
    try {
      const { apiVersion, kind, metadata } = readKubeObject(written);
      const collection = collectionOf(apiVersion, kind);
      const policyKind = policyKindOf(apiVersion, kind);
      if (policyKind !== undefined) {
        const home = policyKind.isNamespaced ? metadata.namespace || "default" : "";
        const policy = readPolicyObject(withNamespace(written, home));
        if (policy !== null) policies.push(policy);
      }
      if (collection === undefined) continue;
      // As kubectl does when neither the file nor the context names one.
      const namespace = collection.isNamespaced ? metadata.namespace || "default" : "";
      const json = withNamespace(written, namespace);
      const id = objectName(kind, namespace, metadata.name);
      followed.push({ collection, json, where: `${path}:${line}`, id });
    } catch (error) {
      if (!(error instanceof FieldProblem)) throw error;
      return { line, message: error.message };
    }
  }
  return { followed, policies };
}

function withNamespace(json: JsonObject, namespace: string): JsonObject {
  const metadata = isJsonObject(json["metadata"]) ? json["metadata"] : {};
  if (namespace === "" || metadata["namespace"] === namespace) return json;
  return { ...json, metadata: { ...metadata, namespace } };
}

export interface Merged {
  readonly objects: ReadonlyMap<string, FollowedObject>;
  readonly problems: readonly SourceProblem[];
}

export function mergeFiles(files: ReadonlyMap<string, FileContent>): Merged {
  const objects = new Map<string, FollowedObject>();
  const problems: SourceProblem[] = [];
  const paths = [...files.keys()].toSorted();
  for (const path of paths) {
    for (const object of files.get(path)?.followed ?? []) {
      const first = objects.get(object.id);
      if (first === undefined) objects.set(object.id, object);
      else
        problems.push({
          object: object.where,
          message: `${object.id} is also in ${first.where}, which wins`,
        });
    }
  }
  return { objects, problems };
}
