/**
 * Routes between the places of a run: nodes with tunnels, blocks, pools that lose their VXLAN, RCCs
 * that ask for routes or no longer. Seeds of a range of their own draw them, so that all others
 * draw what they always drew.
 */
import type { IPPool } from "../../shared/record/record.ts";
import { keyOf } from "../../shared/record/key.ts";
import { block, tunnelNode } from "../support/overlay.ts";
import { pool } from "../support/records.ts";
import type { Member, MeshWorld } from "./mesh-world.ts";
import type { Place } from "./place.ts";
import type { Rng } from "./random.ts";

const NODES = 3;

function nodeOf(place: Place, at: number, mac = "") {
  return tunnelNode(place.number, `${place.name}t${at}`, 200 + at, {
    ipv4Address: `172.30.${place.number}.${1 + at}/24`,
    vxlanTunnelMACAddr: mac,
  });
}

function blockOf(place: Place, at: number, owner: number) {
  return block(`10.${place.number}.${200 + at}.0/26`, `${place.name}t${owner}`);
}

function poolOf({ number }: Place, vxlanMode: IPPool["vxlanMode"]): IPPool {
  return { ...pool(`10.${number}.0.0/16`), vxlanMode };
}

/** All that routes to a place need. */
function build(place: Place): void {
  place.settle();
  for (let at = 0; at < NODES; at++) {
    place.put(nodeOf(place, at), true);
    place.put(blockOf(place, at, at), true);
  }
}

/** Most pairs of places see each other, and ask for routes. */
export function beginRoutes(mesh: MeshWorld, rng: Rng): void {
  const { members } = mesh;
  for (const { place } of members) if (rng.chance(0.9)) build(place);
  for (const [n, reader] of members.entries())
    for (const [m, origin] of members.entries()) {
      if (n === m || rng.chance(0.15)) continue;
      mesh.applyRcc(reader, rccOf(origin), origin);
      mesh.grant(origin, reader, true);
      if (rng.chance(0.8)) mesh.rerouteRcc(reader, rccOf(origin), true);
    }
}

/** Of another range of names than the RCCs that every run draws. */
function rccOf({ place }: Member): string {
  return `to-${place.name}`;
}

type Run = (mesh: MeshWorld, rng: Rng) => void | Promise<void>;

function anyRcc(mesh: MeshWorld, rng: Rng) {
  const { rccs } = mesh;
  return rccs.length === 0 ? null : rng.pick(rccs);
}

function reroute(mesh: MeshWorld, rng: Rng, isRouted: boolean): void {
  const found = anyRcc(mesh, rng);
  if (found !== null) mesh.rerouteRcc(found.reader, found.rcc, isRouted);
}

export const ROUTE_ACTIONS = {
  "RCC asks for routes": { run: (mesh, rng) => reroute(mesh, rng, true) },
  "RCC asks for no routes": { run: (mesh, rng) => reroute(mesh, rng, false) },
  "pair asks for routes": {
    run: (mesh, rng) => {
      const found = anyRcc(mesh, rng);
      const origin = mesh.members.find(({ place }) => place.name === found?.origin);
      if (found === null || origin === undefined) return;
      const { reader } = found;
      for (const [a, b] of [
        [reader, origin],
        [origin, reader],
      ] as const) {
        mesh.grant(b, a, true);
        mesh.applyRcc(a, rccOf(b), b);
      }
      for (const { reader: own, rcc, origin: remote } of mesh.rccs)
        if ([own.place.name, remote].toSorted().join() === pairName(reader, origin))
          mesh.rerouteRcc(own, rcc, true);
    },
  },
  "mode switched for a while": {
    run: async (mesh, rng) => {
      const found = anyRcc(mesh, rng);
      for (let n = 0; n < 4 && found !== null; n++) {
        mesh.rerouteRcc(found.reader, found.rcc, n % 2 === 1);
        await mesh.world.advance(rng.below(3_000));
      }
    },
  },
  "node with a tunnel put": {
    run: (mesh, rng) => {
      const { place } = rng.pick(mesh.members);
      // A MAC that two places may have: then the pair fails preflight.
      const mac = rng.chance(0.2) ? "66:00:00:00:00:01" : "";
      place.put(nodeOf(place, rng.below(NODES), mac), true);
    },
  },
  "node with a tunnel deleted": {
    run: (mesh, rng) => {
      const { place } = rng.pick(mesh.members);
      place.delete(keyOf(nodeOf(place, rng.below(NODES))));
    },
  },
  "block put": {
    run: (mesh, rng) => {
      const { place } = rng.pick(mesh.members);
      place.put(blockOf(place, rng.below(NODES + 2), rng.below(NODES)), true);
    },
  },
  "block deleted": {
    run: (mesh, rng) => {
      const { place } = rng.pick(mesh.members);
      place.delete(keyOf(blockOf(place, rng.below(NODES + 2), 0)));
    },
  },
  "pool loses or gains VXLAN": {
    run: (mesh, rng) => {
      const { place } = rng.pick(mesh.members);
      place.put(poolOf(place, rng.chance(0.5) ? "" : "always"), true);
    },
  },
  "routes rest": { run: (mesh, rng) => mesh.world.advance(5_000 + rng.below(15_000)) },
} as const satisfies Record<string, { readonly run: Run }>;

function pairName(a: Member, b: Member): string {
  return [a.place.name, b.place.name].toSorted().join();
}

export type RouteActionName = keyof typeof ROUTE_ACTIONS;

export const ROUTE_ACTION_NAMES = Object.keys(ROUTE_ACTIONS) as RouteActionName[];

export function isRouteAction(name: string): name is RouteActionName {
  return name in ROUTE_ACTIONS;
}
