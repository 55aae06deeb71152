/** What a cluster may see now, read from the hub. */
import { getView } from "../../shared/api/view.ts";
import type { SeenRecord } from "../../relay/policy/world.ts";
import type { Client } from "../admin/client.ts";
import { nameOf, OriginReader } from "./origin-reader.ts";
import type { OriginEntry } from "./origin-reader.ts";
import { CommandError } from "../admin/usage-error.ts";

/** Whose view; `origin`: only the one of this name (a cluster's or an RCC's). */
export interface ViewChoice {
  readonly cluster: string;
  readonly origin?: string;
}

/** Whom a cluster may read. */
export interface HubAccess {
  readonly cluster: { readonly name: string };
  readonly accessVersion: number;
  readonly origins: readonly OriginEntry[];
}

export interface HubView {
  readonly cluster: string;
  readonly accessVersion: number;
  readonly records: readonly SeenRecord[];
  /** RCCs whose labels rules see with the RCC's name in them. */
  readonly prefixed: ReadonlySet<string>;
}

/** @throws CommandError when the hub refuses or cannot be reached. */
export async function readAccess(client: Client, choice: ViewChoice): Promise<HubAccess> {
  const params = { mesh: client.mesh, cluster: choice.cluster };
  const access = await client.call(getView, { params });
  const isChosen = (entry: OriginEntry): boolean =>
    choice.origin === undefined ||
    nameOf(entry) === choice.origin ||
    entry.origin.name === choice.origin;
  return { ...access, origins: access.origins.filter(isChosen) };
}

/** @throws CommandError when none of the chosen name is seen. */
export function requireOrigin({ origins }: HubAccess, { cluster, origin }: ViewChoice): void {
  if (origin !== undefined && origins.length === 0)
    throw new CommandError(
      `--origin ${origin}: cluster ${cluster} sees no such remote (no RCC of this name, or none that is granted)`,
    );
}

/** @throws CommandError when the hub refuses or an origin cannot be read in time. */
export async function readHubView(client: Client, choice: ViewChoice): Promise<HubView> {
  const access = await readAccess(client, choice);
  requireOrigin(access, choice);
  const records = await Promise.all(
    access.origins.map(async (entry) => {
      const reader = await OriginReader.open(client, entry);
      reader.stop();
      return reader.records();
    }),
  );
  const prefixed = access.origins.flatMap(({ rcc, labels }) =>
    rcc !== null && labels === "prefixed" ? [rcc] : [],
  );
  return {
    cluster: access.cluster.name,
    accessVersion: access.accessVersion,
    records: records.flat(),
    prefixed: new Set(prefixed),
  };
}
