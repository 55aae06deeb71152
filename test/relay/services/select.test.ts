import { expect, test } from "vitest";

import { readFederated } from "../../../relay/services/federated-service.ts";
import { endpoint, FederatedWorld, fillable, service } from "../../support/federated.ts";

function world(selector: string, annotations: Readonly<Record<string, string>> = {}) {
  const made = new FederatedWorld();
  made.ask(fillable(selector, annotations));
  made.put(null, service("own", { app: "db" }), endpoint("own", "10.1.0.1"));
  made.put("b", service("pg", { app: "db" }), endpoint("pg", "10.2.0.1"));
  made.put("c", service("pg", { app: "db" }), endpoint("pg", "10.3.0.1"));
  return made;
}

test("[SVC10] Services of the same namespace whose labels match fill it, of this cluster and of others", () => {
  const made = world("app == 'db'");
  made.put("b", service("web", { app: "web" }), endpoint("web", "10.2.0.9"));
  const elsewhere = { namespace: "ops" };
  made.put("b", service("pg", { app: "db" }, elsewhere), endpoint("pg", "10.2.0.8", elsewhere));
  expect(made.filled()).toEqual(["app 10.1.0.1", "b 10.2.0.1", "c 10.3.0.1"]);
  made.delete("b", service("pg", { app: "db" }));
  expect(made.filled()).toEqual(["app 10.1.0.1", "c 10.3.0.1"]);
  made.ask(null);
  expect(made.filled()).toEqual(["none"]);
});

test("[SVC12] the label remoteClusterName is there on remote Services only, and is the RCC's name", () => {
  const label = "federation.tigera.io/remoteClusterName";
  expect(world(`app == 'db' && !has(${label})`).filled()).toEqual(["app 10.1.0.1"]);
  expect(world(`has(${label})`).filled()).toEqual(["b 10.2.0.1", "c 10.3.0.1"]);
  const made = world(`${label} == 'c'`);
  expect(made.filled()).toEqual(["c 10.3.0.1"]);
  // What a Service says of itself does not count.
  made.put("b", service("pg", { app: "db", [label]: "c" }));
  made.put(null, service("own", { app: "db", [label]: "c" }));
  expect(made.filled()).toEqual(["c 10.3.0.1"]);
});

test("[SVC13] a Service that has the annotation itself fills none", () => {
  const made = world("app == 'db'");
  made.put("b", service("pg", { app: "db" }, { federated: true }));
  expect(made.filled()).toEqual(["app 10.1.0.1", "c 10.3.0.1"]);
});

test("[SVC14] ports match by name and protocol, with the target port of the Service that fills", () => {
  const made = new FederatedWorld();
  const ports = [
    { name: "sql", port: 5432, protocol: "TCP" },
    { name: "sql", port: 5432, protocol: "UDP" },
    { name: "metrics", port: 9187 },
  ];
  made.ask(fillable("all()", {}, { ports }));
  const of = (port: number, name: string, protocol: "tcp" | "udp" = "tcp") => ({
    ports: [{ name, protocol, port }],
  });
  made.put("b", service("pg", {}), endpoint("pg", "10.2.0.1", of(6432, "sql")));
  made.put("b", endpoint("pg", "10.2.0.2", of(6432, "other")));
  const filling = made.services.filling("shop/db", []);
  if (filling.kind !== "filled") throw new Error(filling.kind);
  const [, b] = filling.selections;
  expect(b?.endpoints.map(({ ip, ports: own }) => [ip, own])).toEqual([
    ["10.2.0.1", [{ name: "sql", protocol: "tcp", port: 6432 }]],
  ]);
  expect(b?.unmatchedPorts).toEqual(["sql/udp", "metrics/tcp"]);
});

test("[SVC11] what cannot be read is refused with its cause, and a Service with a selector is Kubernetes'", () => {
  const of = (...args: Parameters<typeof fillable>): string => {
    const read = readFederated(fillable(...args));
    return read.kind === "refused" ? `${read.reason} ${read.message}` : read.kind;
  };
  expect(of("app = 'db'")).toMatch(/^BadSelector federation\.tigera\.io\/serviceSelector: .*\d/);
  expect(of("all()", {}, { selector: { app: "db" } })).toMatch(/^HasSelector spec\.selector/);
  expect(of("all()", {}, { type: "ExternalName", externalName: "db.example" })).toMatch(
    /^ExternalName spec\.type/,
  );
  expect(of("all()", { "services.catwalk.dev/affinity": "near" })).toMatch(/^BadAnnotation/);
  expect(of("all()", { "services.catwalk.dev/lost-after": "5 minutes" })).toMatch(/must be a dur/);
  expect(of("all()", {}, { ports: [{ protocol: "ICMP" }] })).toMatch(
    /^BadService spec\.ports\[0\]/,
  );
  expect(of("all()", { "services.catwalk.dev/lost-after": "1h30m" })).toBe("federated");
});

test("[SVC15] affinity leaves the other side out while an endpoint of the preferred one is ready", () => {
  const local = world("all()", { "services.catwalk.dev/affinity": "local" });
  expect(local.filled()).toEqual(["app 10.1.0.1"]);
  local.put(null, endpoint("own", "10.1.0.1", { notReady: true }));
  expect(local.filled()).toEqual(["-app 10.1.0.1", "b 10.2.0.1", "c 10.3.0.1"]);
  const remote = world("all()", { "services.catwalk.dev/affinity": "remote" });
  expect(remote.filled()).toEqual(["b 10.2.0.1", "c 10.3.0.1"]);
});

test("[SVC15] lost-after: endpoints of a lost cluster are not ready after that time, never the last ready ones", () => {
  const kept = world("all()");
  kept.lost.set("b", 0);
  kept.nowMs = 1e9;
  expect(kept.filled()).toContain("b 10.2.0.1");
  const made = world("has(federation.tigera.io/remoteClusterName)", {
    "services.catwalk.dev/lost-after": "5m",
  });
  made.lost.set("b", 1_000);
  made.nowMs = 1_000 + 5 * 60_000 - 1;
  expect(made.filled()).toEqual(["b 10.2.0.1", "c 10.3.0.1"]);
  made.nowMs++;
  expect(made.filled()).toEqual(["-b 10.2.0.1", "c 10.3.0.1"]);
  made.lost.set("c", 0);
  expect(made.filled()).toEqual(["b 10.2.0.1", "c 10.3.0.1"]);
});

test("[SVC10] endpoints without a Service that is selected, as of one of type ExternalName, fill nothing", () => {
  const made = world("all()");
  made.put("b", endpoint("elsewhere", "10.2.0.9"));
  expect(made.filled()).not.toContain("b 10.2.0.9");
  made.put("b", service("elsewhere", { app: "db" }));
  expect(made.filled()).toContain("b 10.2.0.9");
});
