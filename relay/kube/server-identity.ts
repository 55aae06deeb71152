/**
 * Which API server this is, without anything of Calico: the authorities that are trusted for it,
 * and the addresses of its Service `kubernetes`, each the first of a range of Services. [DIR9]
 */
import { X509Certificate } from "node:crypto";

import { parseJson } from "../../shared/lib/parse-json.ts";
import { FieldProblem, isJsonObject, objectAt, textAt, textsAt } from "./kube-object.ts";
import type { HttpAnswer } from "./transport.ts";

export interface ServerIdentity {
  /** SHA-256 of each certificate. */
  readonly authorities: readonly string[];
  readonly services: readonly string[];
}

export type ServerAnswer =
  | { readonly kind: "known"; readonly identity: ServerIdentity }
  /** The account may not read it. */
  | { readonly kind: "refused"; readonly status: 401 | 403 }
  /** Its kubeconfig names no authority, or it has no such Service. */
  | { readonly kind: "unknown" };

export interface IdentifiedServer {
  /** PEM of the authorities that its kubeconfig names; empty: it names none. */
  authority(): Promise<string>;
  get(path: string, signal: AbortSignal): Promise<HttpAnswer>;
}

const SERVICE = "/api/v1/namespaces/default/services/kubernetes";

/** An authority may have signed for many clusters, and most of them have the same range. */
export function isSameServer(one: ServerIdentity, other: ServerIdentity): boolean {
  return (
    one.authorities.some((print) => other.authorities.includes(print)) &&
    one.services.some((address) => other.services.includes(address))
  );
}

/** @throws Error where the server cannot be asked. */
export async function readServerIdentity(
  server: IdentifiedServer,
  signal: AbortSignal,
): Promise<ServerAnswer> {
  const authorities = printsOf(await server.authority());
  if (authorities.length === 0) return { kind: "unknown" };
  const { status, body } = await server.get(SERVICE, signal);
  if (status >= 500 || status === 429) throw new Error(`the API server answered ${status}`);
  if (status === 401 || status === 403) return { kind: "refused", status };
  const services = status === 200 ? addressesIn(body) : [];
  if (services.length === 0) return { kind: "unknown" };
  return { kind: "known", identity: { authorities, services } };
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** What is no certificate among them is passed over. */
function printsOf(pem: string): string[] {
  return (pem.match(CERTIFICATE) ?? []).flatMap((text) => {
    try {
      return new X509Certificate(text).fingerprint256;
    } catch {
      return [];
    }
  });
}

function addressesIn(body: string): readonly string[] {
  const parsed = parseJson(body);
  if (!parsed.ok || !isJsonObject(parsed.value)) return [];
  try {
    const spec = objectAt(parsed.value, "spec", "spec");
    const several = textsAt(spec, "clusterIPs", "spec.clusterIPs");
    const all = several.length > 0 ? several : [textAt(spec, "clusterIP", "spec.clusterIP")];
    return all.filter((address) => address !== "" && address !== "None");
  } catch (error) {
    if (error instanceof FieldProblem) return [];
    throw error;
  }
}
