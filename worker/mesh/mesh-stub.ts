/** A Mesh object, and the hub's list of meshes, as the Worker calls them. */
import { stubOf } from "../stubs.ts";
import { callerOf } from "./calls-by-name.ts";
import { IDEMPOTENCY_CALLS } from "./idempotency.ts";
import type { IdempotencyCalls } from "./idempotency.ts";
import { DIRECTORY_CALLS, MESH_ADMIN_CALLS } from "./mesh-calls.ts";
import type { DirectoryCalls, MeshAdmin } from "./mesh-calls.ts";
import { OWN_CALLS } from "./own-objects.ts";
import type { OwnCalls } from "./own-objects.ts";
import { REHEARSAL_CALLS } from "./rehearsal.ts";
import type { RehearsalCalls } from "./rehearsal.ts";
import { TOKEN_CALLS } from "./tokens/api-tokens.ts";
import type { TokenCalls } from "./tokens/api-tokens.ts";
import { WEBHOOK_CALLS } from "./webhooks/webhook-calls.ts";
import type { WebhookCalls } from "./webhooks/webhook-calls.ts";

/** Methods of `MeshObject`, each with a whole interface behind it. */
interface Doors {
  administer(call: string, args: readonly unknown[], who: string): unknown;
  notify(call: string, args: readonly unknown[], who: string): unknown;
  rehearse(call: string, args: readonly unknown[]): unknown;
  remember(call: string, args: readonly unknown[]): unknown;
  guard(call: string, args: readonly unknown[]): unknown;
  declare(call: string, args: readonly unknown[]): unknown;
  list(call: string, args: readonly unknown[]): unknown;
}

/** @param mesh Its name. @param who For the audit. */
export function meshStub(meshes: DurableObjectNamespace, mesh: string, who = "admin"): MeshAdmin {
  const object = stubOf<Doors>(meshes, `mesh:${mesh}`);
  return callerOf(MESH_ADMIN_CALLS, (call, args) => object.administer(call, args, who));
}

/** @param mesh Its name. */
export function rehearsalStub(meshes: DurableObjectNamespace, mesh: string): RehearsalCalls {
  const object = stubOf<Doors>(meshes, `mesh:${mesh}`);
  return callerOf(REHEARSAL_CALLS, (call, args) => object.rehearse(call, args));
}

/** @param mesh Its name. */
export function idempotencyStub(meshes: DurableObjectNamespace, mesh: string): IdempotencyCalls {
  const object = stubOf<Doors>(meshes, `mesh:${mesh}`);
  return callerOf(IDEMPOTENCY_CALLS, (call, args) => object.remember(call, args));
}

/** @param mesh Its name. */
export function tokenStub(meshes: DurableObjectNamespace, mesh: string): TokenCalls {
  const object = stubOf<Doors>(meshes, `mesh:${mesh}`);
  return callerOf(TOKEN_CALLS, (call, args) => object.guard(call, args));
}

/** @param mesh Its name. @param who For the audit. */
export function webhookStub(
  meshes: DurableObjectNamespace,
  mesh: string,
  who = "admin",
): WebhookCalls {
  const object = stubOf<Doors>(meshes, `mesh:${mesh}`);
  return callerOf(WEBHOOK_CALLS, (call, args) => object.notify(call, args, who));
}

/** @param mesh Its name. */
export function ownStub(meshes: DurableObjectNamespace, mesh: string): OwnCalls {
  const object = stubOf<Doors>(meshes, `mesh:${mesh}`);
  return callerOf(OWN_CALLS, (call, args) => object.declare(call, args));
}

export function directoryStub(meshes: DurableObjectNamespace): DirectoryCalls {
  const object = stubOf<Doors>(meshes, "directory");
  return callerOf(DIRECTORY_CALLS, (call, args) => object.list(call, args));
}
