/**
 * What the routes need of the hub: its objects by name, its keys, its clock. `worker/index.ts`
 * makes them from the environment.
 */
import type { Clock } from "../../shared/lib/clock.ts";
import type { HubKeys } from "../auth/hub-key.ts";
import type { DirectoryCalls, MeshAdmin } from "../mesh/mesh-calls.ts";
import type { OwnCalls } from "../mesh/own-objects.ts";
import type { IdempotencyCalls } from "../mesh/idempotency.ts";
import type { RehearsalCalls } from "../mesh/rehearsal.ts";
import type { TokenCalls } from "../mesh/tokens/api-tokens.ts";
import type { WebhookCalls } from "../mesh/webhooks/webhook-calls.ts";
import type { MeshPlace } from "../place.ts";
import type { MeshRef, OriginCalls } from "../ports.ts";

export interface OriginAccess extends Pick<
  OriginCalls,
  "status" | "quarantine" | "mayDial" | "compareShown" | "whichHeld"
> {
  /** Takes a WebSocket upgrade that the Worker has authenticated. */
  fetch(request: Request): Promise<Response>;
}

export interface HubPorts {
  readonly clock: Clock;
  /** Hex SHA-256. */
  readonly adminTokenHash: string;
  hubKeys(): Promise<HubKeys>;
  /** A cluster came with a membership that an older key of the hub signed. [CRE29] */
  onOlderKey(mesh: string, cluster: string): void;
  /** @param who For the audit; without it nothing is changed. */
  mesh(name: string, who?: string): MeshAdmin;
  /** @param mesh Its name. */
  rehearsal(mesh: string): RehearsalCalls;
  /** @param mesh Its name. */
  idempotency(mesh: string): IdempotencyCalls;
  /** @param mesh Its name. */
  webhooks(mesh: string, who?: string): WebhookCalls;
  /** @param mesh Its name. */
  own(mesh: string): OwnCalls;
  /** @param mesh Its name. */
  tokens(mesh: string): TokenCalls;
  /**
   * Counts a request of the token, or of the relays of the cluster with this UID; milliseconds
   * until the next may be, 0: this one may.
   */
  requestWaitMs(token: string): number;
  directory(): DirectoryCalls;
  /**
   * Whether the process can hold one more socket of this member.
   * @param member UID of a cluster.
   */
  hasRoom(member: string): boolean;
  /** Counts a dial of the member; milliseconds until it may dial again, 0: it may. [API37] */
  dialWaitMs(member: string): number;
  /** @param uid Of its cluster. */
  origin(mesh: MeshRef, uid: string): OriginAccess;
  /** Asks nobody; the objects of a mesh that cannot be here throw `NoSuchPlace`. [DEP12] */
  place(mesh: string): MeshPlace;
}
