/**
 * What happens besides where clusters show each other Services: Services, their endpoints and
 * exports come and go, some with another cluster's addresses; grants name Services, or no longer.
 * Seeds of a range of their own draw it. [SIM10]
 */
import type { CalicoRecord } from "../../shared/record/record.ts";
import { endpoint, fillable, service } from "../support/federated.ts";
import type { Member, MeshWorld } from "./mesh-world.ts";
import type { Place } from "./place.ts";
import type { Rng } from "./random.ts";
import { isOfServices, SERVICE_SCOPES } from "./scopes.ts";
import { NAMESPACE } from "./services/model.ts";

const NAMES = ["pg", "web"];
const ASKING = "Service shop/db";
/** Of each place's range, apart from those of pods. */
const ADDRESSES = 60;

function putService(place: Place, rng: Rng): void {
  const port = rng.chance(0.8) ? 5432 : 5433;
  const ports = [{ name: "sql", protocol: "tcp", port } as const];
  const labels = { app: rng.chance(0.85) ? "db" : "web", v: String(rng.below(100)) };
  const more = { ports, federated: rng.chance(0.08), affinitySeconds: place.number };
  place.put(service(rng.pick(NAMES), labels, more), true);
}

/** @param of Number of the place whose address it is. */
function putEndpoint(place: Place, of: number, rng: Rng): void {
  const ip = `10.${of}.2.${1 + rng.below(ADDRESSES)}`;
  const port = rng.chance(0.8) ? 5432 : 6432;
  const ports = [{ name: rng.chance(0.9) ? "sql" : "web", protocol: "tcp", port } as const];
  const notReady = rng.chance(0.2);
  const record = endpoint(rng.pick(NAMES), ip, { ports, notReady, notServing: notReady });
  place.put(record, of === place.number);
}

function putEndpoints(place: Place, rng: Rng, count: number): void {
  for (let n = 0; n < count; n++) putEndpoint(place, place.number, rng);
}

function deleteSome(place: Place, rng: Rng, isWanted: (record: CalicoRecord) => boolean): void {
  const keys = [...place.held].flatMap(([key, { record }]) => (isWanted(record) ? [key] : []));
  if (keys.length > 0) place.delete(rng.pick(keys));
}

function exportService(place: Place, rng: Rng): void {
  // No two places have equal records: one name may be of one and then of the other.
  const createdMs = 1_000 * (1 + rng.below(3)) + place.number;
  const names = { namespace: NAMESPACE, name: "pg", labels: {}, annotations: {} };
  place.put({ kind: "ServiceExport", createdMs, ...names }, true);
}

function build(place: Place, rng: Rng): void {
  place.settle();
  place.put({ kind: "Profile", name: `kns.${NAMESPACE}`, labels: {} }, true);
  if (rng.chance(0.9)) place.setFillable(ASKING, fillable("app == 'db'"));
  const ports = [{ name: "sql", protocol: "tcp", port: 5432 } as const];
  for (const name of NAMES)
    if (rng.chance(0.9)) {
      const more = { ports, affinitySeconds: place.number };
      place.put(service(name, { app: "db", v: "3" }, more), true);
    }
  putEndpoints(place, rng, 1 + rng.below(12));
  if (rng.chance(0.5)) exportService(place, rng);
}

/** Most pairs of places see each other's Services. */
export function beginServices(mesh: MeshWorld, rng: Rng): void {
  const { members } = mesh;
  for (const { place } of members) build(place, rng);
  for (const reader of members)
    for (const origin of members) {
      if (reader === origin || rng.chance(0.15)) continue;
      mesh.applyRcc(reader, `to-${origin.place.name}`, origin);
      mesh.rescope(origin, reader, rng.pick(SERVICE_SCOPES));
    }
}

type Run = (mesh: MeshWorld, rng: Rng) => void | Promise<void>;

function member(mesh: MeshWorld, rng: Rng): Member {
  return rng.pick(mesh.members);
}

/** Endpoints of a Service are replaced one by one, as a rollout does. */
async function rollOut(mesh: MeshWorld, rng: Rng): Promise<void> {
  const { place } = member(mesh, rng);
  for (let n = 0; n < 8; n++) {
    putEndpoint(place, place.number, rng);
    await mesh.world.advance(rng.below(300));
    deleteSome(place, rng, ({ kind }) => kind === "ServiceEndpoint");
  }
}

/** A grant names Services and does not, again and again. */
async function regrant(mesh: MeshWorld, rng: Rng): Promise<void> {
  const [origin, reader] = [member(mesh, rng), member(mesh, rng)];
  for (let n = 0; n < 3; n++) {
    mesh.rescope(origin, reader, n % 2 === 0 ? null : rng.pick(SERVICE_SCOPES));
    putEndpoints(origin.place, rng, 2);
    await mesh.world.advance(rng.below(2_500));
  }
}

/** All relays of a cluster end, and one begins. */
function replaceRelays(mesh: MeshWorld, rng: Rng): void {
  const { identity, relays } = member(mesh, rng);
  if (identity === null) return;
  for (const relay of relays) relay.kill();
  rng.pick(relays).start(identity);
}

/** The same while the hub is away, and endpoints change meanwhile elsewhere. */
async function replaceWithoutHub(mesh: MeshWorld, rng: Rng): Promise<void> {
  mesh.hub.kill(2_000 + rng.below(4_000));
  replaceRelays(mesh, rng);
  const { place } = member(mesh, rng);
  putEndpoints(place, rng, 3);
  deleteSome(place, rng, ({ kind }) => kind === "ServiceEndpoint");
  await mesh.world.advance(rng.below(6_000));
}

export const SHOWN_ACTIONS = {
  "endpoints of a Service put": {
    run: (mesh, rng) => ((of) => putEndpoints(of.place, rng, 1 + rng.below(4)))(member(mesh, rng)),
  },
  "endpoint of a Service deleted": {
    run: (mesh, rng) =>
      deleteSome(member(mesh, rng).place, rng, ({ kind }) => kind === "ServiceEndpoint"),
  },
  "foreign endpoint of a Service put": {
    run: (mesh, rng) => {
      const { place } = member(mesh, rng);
      putEndpoint(place, member(mesh, rng).place.number, rng);
    },
  },
  "endpoints of a Service replaced": { run: rollOut },
  "Service changed": { run: (mesh, rng) => putService(member(mesh, rng).place, rng) },
  "something of Services deleted": {
    run: (mesh, rng) => deleteSome(member(mesh, rng).place, rng, isOfServices),
  },
  "Service exported": { run: (mesh, rng) => exportService(member(mesh, rng).place, rng) },
  "grant names Services": {
    run: (mesh, rng) => {
      const [origin, reader] = [member(mesh, rng), member(mesh, rng)];
      mesh.applyRcc(reader, `to-${origin.place.name}`, origin);
      mesh.rescope(origin, reader, rng.pick(SERVICE_SCOPES));
    },
  },
  "grant names Services for a while": { run: regrant },
  "RCC of Services names another": {
    run: (mesh, rng) => {
      const [reader, origin] = [member(mesh, rng), member(mesh, rng)];
      mesh.deleteRcc(reader, `to-${origin.place.name}`);
      mesh.applyRcc(reader, "r0", origin);
      mesh.rescope(origin, reader, rng.pick(SERVICE_SCOPES));
    },
  },
  "Service asks to be filled, or not": {
    run: (mesh, rng) => {
      const { place } = member(mesh, rng);
      place.setFillable(ASKING, rng.chance(0.7) ? fillable("app == 'db'") : null);
    },
  },
  "relays of a cluster replaced": { run: replaceRelays },
  "relays replaced while the hub is away": { run: replaceWithoutHub },
} as const satisfies Record<string, { readonly run: Run }>;

export type ShownActionName = keyof typeof SHOWN_ACTIONS;

export const SHOWN_ACTION_NAMES = Object.keys(SHOWN_ACTIONS) as ShownActionName[];

export function isShownAction(name: string): name is ShownActionName {
  return name in SHOWN_ACTIONS;
}
