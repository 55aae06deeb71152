/** Where Typha is found. */
import { Duplex } from "node:stream";

import { expect, test } from "vitest";

import { typhaAddresses } from "../../../relay/kube/endpoint-slices.ts";
import { ServiceUpstream } from "../../../relay/typha/upstream/upstream.ts";

interface Endpoint {
  readonly addresses: readonly string[];
  readonly nodeName?: string;
  readonly conditions?: { readonly ready?: boolean };
}

function slice(endpoints: readonly Endpoint[], ports: readonly unknown[] = [typhaPort(5473)]) {
  return { metadata: { name: "s" }, addressType: "IPv4", endpoints, ports };
}

const typhaPort = (port: number) => ({ name: "calico-typha", port, protocol: "TCP" });
const at = (address: string, nodeName: string, ready?: boolean): Endpoint => ({
  addresses: [address],
  nodeName,
  ...(ready !== undefined && { conditions: { ready } }),
});

test("[TYP30] ready endpoints of all slices, at the port named calico-typha, the one on this node first, each once", () => {
  const slices = [
    slice([at("10.0.0.1", "n1"), at("10.0.0.2", "n2", true), at("10.0.0.3", "n3", false)]),
    slice(
      [at("10.0.0.4", "n4"), at("10.0.0.1", "n1")],
      [{ name: "other", port: 1 }, typhaPort(5474)],
    ),
    slice([at("fd00::5", "n5")]),
    slice([at("10.0.0.6", "n6")], [{ name: "calico-typha", port: 7, protocol: "UDP" }]),
  ];
  for (const seed of [0.1, 0.5, 0.9]) {
    let last = seed;
    const random = (): number => (last = (last * 7.3) % 1);
    const [first, ...rest] = typhaAddresses(slices, "n2", random);
    expect(first).toBe("10.0.0.2:5473");
    expect(rest.toSorted()).toEqual(
      ["10.0.0.1:5473", "10.0.0.1:5474", "10.0.0.4:5474", "[fd00::5]:5473"].toSorted(),
    );
  }
});

test("[TYP30] all orders of the others come up", () => {
  const slices = [slice([at("10.0.0.1", "n1"), at("10.0.0.2", "n2"), at("10.0.0.3", "n3")])];
  const seen = new Set(
    Array.from({ length: 200 }, () => typhaAddresses(slices, "", Math.random).join()),
  );
  expect(seen.size).toBe(6);
});

test("[TYP30] what is not shaped as a slice gives nothing and breaks nothing", () => {
  const odd = [null, 7, {}, { endpoints: "x", ports: [{}] }, slice([{ addresses: [1] } as never])];
  expect(typhaAddresses(odd, "n1", Math.random)).toEqual([]);
});

/** A service whose slices and reachable addresses a test changes. */
function service(reachable: Set<string>) {
  const state = { slices: [] as unknown[], status: 200, lists: [] as string[], nowMs: 0 };
  const dialled: string[] = [];
  const upstream = new ServiceUpstream(
    {
      namespace: "calico-system",
      service: "calico-typha",
      nodeName: "n1",
      now: () => state.nowMs,
      transport: {
        get: (path) => {
          state.lists.push(path);
          const body = JSON.stringify({
            kind: "EndpointSliceList",
            metadata: { resourceVersion: "1" },
            items: state.slices,
          });
          return Promise.resolve({ status: state.status, body });
        },
      },
    },
    (address) => {
      dialled.push(address);
      return Promise.resolve(reachable.has(address) ? new Duplex() : "refused");
    },
  );
  return { state, dialled, upstream };
}

test("[TYP31] the service is looked up with every dial, and addresses are tried until one answers", async () => {
  const reachable = new Set(["10.0.0.2:5473"]);
  const { state, dialled, upstream } = service(reachable);
  state.slices = [slice([at("10.0.0.1", "n1"), at("10.0.0.2", "n2")])];
  expect(await upstream.dial()).toBeInstanceOf(Duplex);
  expect(dialled).toEqual(["10.0.0.1:5473", "10.0.0.2:5473"]);
  expect(state.lists).toEqual([
    "/apis/discovery.k8s.io/v1/namespaces/calico-system/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3Dcalico-typha",
  ]);
  state.slices = [slice([at("10.0.0.9", "n1")])];
  reachable.add("10.0.0.9:5473");
  // Who dials in the same moment shares the list.
  await upstream.dial();
  expect(state.lists).toHaveLength(1);
  state.nowMs += 1_001;
  await upstream.dial();
  expect(dialled.at(-1)).toBe("10.0.0.9:5473");
});

test("[TYP31] while the API server is away the last addresses serve; what fails says why", async () => {
  const { state, dialled, upstream } = service(new Set(["10.0.0.1:5473"]));
  expect(await upstream.dial()).toBe(
    "service calico-system/calico-typha has no ready endpoint with a port named calico-typha",
  );
  state.slices = [slice([at("10.0.0.1", "n1")])];
  state.nowMs += 2_000;
  await upstream.dial();
  state.status = 503;
  state.nowMs += 2_000;
  expect(await upstream.dial()).toBeInstanceOf(Duplex);
  expect(dialled).toEqual(["10.0.0.1:5473", "10.0.0.1:5473"]);
  const { upstream: lone, state: away } = service(new Set());
  away.status = 403;
  expect(await lone.dial()).toMatch(
    /no ready endpoint .*; its EndpointSlices cannot be listed: GET .*: 403$/,
  );
});
