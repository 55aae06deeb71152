/**
 * `Idempotency-Key`: a POST that is repeated with its key gets the answer of the first one, and
 * changes nothing again. The key opens the answer that is kept, and is not kept itself. [API62]
 */
import type { Context, MiddlewareHandler } from "hono";

import { fromHex, toHex } from "../../shared/lib/bytes.ts";
import { sha256 } from "../../shared/lib/hash.ts";
import { callerOf } from "./authorize.ts";
import type { HubPorts } from "./hub-ports.ts";
import { badRequest, HttpProblem } from "./problem.ts";

const HEADER = "idempotency-key";
const KEY = /^[\x21-\x7e]{1,255}$/;
const NONCE_BYTES = 12;

/** Of requests about one mesh; after their caller is known. */
export function idempotent(ports: HubPorts): MiddlewareHandler {
  return async (c, next) => {
    const key = c.req.header(HEADER);
    const name = /^\/v1\/meshes\/([^/]+)\/./.exec(c.req.path)?.[1];
    if (key === undefined || c.req.method !== "POST" || name === undefined) return next();
    if (!KEY.test(key))
      badRequest([{ field: HEADER, rule: "must be 1 to 255 printable characters without spaces" }]);
    // Asking an object makes it: of a mesh that never was there is none. [CRE17]
    if (!(await ports.directory().hasMesh(name))) return next();
    const kept = ports.idempotency(name);
    const id = hashOf("key", callerOf(c)?.rateOf ?? "hub", key);
    const body = await c.req.raw.clone().text();
    const begun = await kept.begin(id, hashOf("request", c.req.url, body));
    switch (begun.kind) {
      case "other":
        throw new HttpProblem(422, "key-reused", `${HEADER}: was used for another request`);
      case "running":
        throw new HttpProblem(409, "key-running", `${HEADER}: its first request is under way`);
      case "done":
        c.res = await replay(key, begun.status, begun.sealed);
        return;
      case "new":
    }
    await next();
    await keep(c, key, (status, sealed) =>
      status >= 500 ? kept.forget(id) : kept.end(id, status, sealed),
    );
  };
}

async function keep(
  c: Context,
  key: string,
  end: (status: number, sealed: string) => Promise<void>,
): Promise<void> {
  const { status } = c.res;
  const type = c.res.headers.get("content-type") ?? "";
  const text = JSON.stringify({ type, body: await c.res.clone().text() });
  await end(status, await seal(key, text));
}

async function replay(key: string, status: number, sealed: string): Promise<Response> {
  const opened: unknown = JSON.parse(await unseal(key, sealed));
  const field = (of: string): string =>
    typeof opened === "object" && opened !== null ? String(Reflect.get(opened, of)) : "";
  const headers = { "content-type": field("type"), "idempotent-replayed": "true" };
  return new Response(field("body"), { status, headers });
}

function hashOf(what: string, ...parts: readonly string[]): string {
  return toHex(sha256(new TextEncoder().encode(JSON.stringify([what, ...parts]))));
}

function cryptoKeyOf(key: string): Promise<CryptoKey> {
  const bytes = sha256(new TextEncoder().encode(JSON.stringify(["answer", key])));
  return crypto.subtle.importKey("raw", Uint8Array.from(bytes), "AES-GCM", false, [
    "encrypt",
    "decrypt",
  ]);
}

/** Nonce and ciphertext, hex. */
async function seal(key: string, text: string): Promise<string> {
  const iv = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const sealed = await crypto.subtle.encrypt(
    { name: "AES-GCM", iv },
    await cryptoKeyOf(key),
    new TextEncoder().encode(text),
  );
  return toHex(iv) + toHex(new Uint8Array(sealed));
}

async function unseal(key: string, sealed: string): Promise<string> {
  const bytes = Uint8Array.from(fromHex(sealed) ?? new Uint8Array());
  const opened = await crypto.subtle.decrypt(
    { name: "AES-GCM", iv: bytes.slice(0, NONCE_BYTES) },
    await cryptoKeyOf(key),
    bytes.slice(NONCE_BYTES),
  );
  return new TextDecoder().decode(opened);
}
