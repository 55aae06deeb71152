/** Each cause for which something of Services is missing, as `catwalk services` says it. */
import { expect, test } from "vitest";

import { renderServices } from "../../../cli/commands/services-text.ts";
import { remoteCause, unpublished } from "../../../relay/services-answer.ts";
import { importCause } from "../../../relay/services/causes.ts";
import { describeServices } from "../../../relay/services/describe.ts";
import type { DescribeInput } from "../../../relay/services/describe.ts";
import { servicesSchema } from "../../../shared/api/services.ts";
import type { ServicesAnswer, ToldCondition } from "../../../shared/api/services.ts";
import { keyOf } from "../../../shared/record/key.ts";
import type { CalicoRecord, ServiceExport } from "../../../shared/record/record.ts";
import type { Remote } from "../../../shared/visibility/facts.ts";
import { parseScope } from "../../../shared/visibility/scope.ts";
import { endpoint, FederatedWorld, fillable, service } from "../../support/federated.ts";

const WRITER = {
  condition: () => ({ kind: "written" }),
  holder: "me",
  isWriter: true,
  lagMs: () => null,
  leaseProblem: "",
  waitsFor: "",
} as const satisfies DescribeInput["writer"];

const NOTHING: ServicesAnswer = servicesSchema.parse({ cluster: "app", items: [] });

/** `app` and `b`, each with a Service that matches and one endpoint. */
function world(annotations: Readonly<Record<string, string>> = {}): FederatedWorld {
  const made = new FederatedWorld();
  made.ask(fillable("app == 'db'", annotations));
  made.put(null, service("own", { app: "db" }), endpoint("own", "10.1.0.1"));
  made.put("b", service("pg", { app: "db" }), endpoint("pg", "10.2.0.1"));
  return made;
}

function filled(made: FederatedWorld, more: Partial<DescribeInput> = {}): ServicesAnswer {
  const { services } = made;
  const input = { services, writer: WRITER, imports: null, refusals: [], ...more };
  return { ...NOTHING, items: describeServices(input) };
}

function changed(change: (made: FederatedWorld) => void, annotations = {}): ServicesAnswer {
  const made = world(annotations);
  change(made);
  return filled(made);
}

function writer(more: Partial<NonNullable<DescribeInput["writer"]>>): ServicesAnswer {
  return filled(world(), { writer: { ...WRITER, ...more } });
}

const GRANTED: Remote = {
  rcc: "b",
  origin: { uid: "u", name: "b" },
  state: "granted",
  overlayRoutingMode: "Disabled",
};
const SERVICES = scopeOf({ kinds: ["WorkloadEndpoint", "Service"] });

function scopeOf(value: unknown) {
  const parsed = parseScope(value);
  if (!parsed.ok || parsed.scope === null) throw new Error("no scope");
  return parsed.scope;
}

function remote(
  more: Partial<Remote>,
  reading: { readonly isComplete?: boolean; readonly isLost?: boolean } = {},
): ServicesAnswer {
  const cause = remoteCause({
    remote: { ...GRANTED, scope: SERVICES, ...more },
    isComplete: true,
    isLost: false,
    ...reading,
  });
  return { ...NOTHING, remotes: cause === null ? [] : [{ rcc: "b", ...cause }] };
}

const EXPORT: ServiceExport = {
  kind: "ServiceExport",
  namespace: "shop",
  name: "pg",
  createdMs: 1_000,
  labels: {},
  annotations: {},
};
const HERE: CalicoRecord = { kind: "Profile", name: "kns.shop", labels: {} };

/** What of the exports of `b` is not imported. */
function exported(hasNamespace: boolean, ...records: readonly CalicoRecord[]): ServicesAnswer {
  const made = new FederatedWorld();
  if (hasNamespace) made.put(null, HERE);
  made.put("b", EXPORT, ...records);
  const notImported = made.services.imports.notImported().map((one) => ({
    ...importCause(one),
    cluster: one.cluster,
    namespace: one.namespace,
    name: one.name,
  }));
  return { ...filled(made), notImported };
}

function imported(conditions: readonly ToldCondition[], problem: string | null = null) {
  const made = new FederatedWorld();
  made.put(null, HERE);
  made.put("b", service("pg", {}), EXPORT);
  return filled(made, { imports: { conditions: () => conditions, problem: () => problem } });
}

function conditioned(type: string, status: string, reason: string): ServicesAnswer {
  const conditions = [{ type, status, reason, message: `the words of ${reason}` }];
  return { ...NOTHING, exports: [{ namespace: "shop", name: "db", conditions }] };
}

function own(records: readonly CalicoRecord[], leaves = true): ServicesAnswer {
  return {
    ...NOTHING,
    unpublished: unpublished({
      facts: { ranges: { pods: ["10.1.0.0/16"], nodes: [] }, refusedClaims: [] },
      isAsked: true,
      records,
      problems: [],
      leaves: () => leaves,
    }),
  };
}

/** The cause, what the command says, and the answer in which it is. */
const CAUSES: readonly (readonly [string, RegExp, () => ServicesAnswer])[] = [
  // Of a Service that asks to be filled.
  [
    "ExternalName",
    /spec\.type is ExternalName/,
    () => ask("all()", {}, { type: "ExternalName", externalName: "db.example" }),
  ],
  ["HasSelector", /spec\.selector is there/, () => ask("all()", {}, { selector: { app: "db" } })],
  ["BadSelector", /serviceSelector: .*\d/, () => ask("app = 'db'")],
  ["BadAnnotation", /affinity: must be/, () => ask("all()", { [AFFINITY]: "near" })],
  ["BadService", /ports\[0\]/, () => ask("all()", {}, { ports: [{ protocol: "ICMP" }] })],
  ["ForeignEndpoints", /kubectl label/, () => writer({ condition: foreign })],
  ["Failing", /403: forbidden/, () => writer({ condition: failing })],
  ["Standby", /other writes the slices/, () => writer({ isWriter: false, holder: "other" })],
  ["Standby", /the Lease: 403/, () => writer({ isWriter: false, leaseProblem: "the Lease: 403" })],
  ["Waiting", /not known yet: 403/, () => writer({ waitsFor: "slices not known yet: 403" })],
  ["Waiting", /its turn/, () => writer({ condition: () => null })],
  ["Shown", /writes no slices/, () => filled(world(), { writer: null })],
  // Of one of its sources.
  ["NoMatch", /no Service of b .*matches/, () => changed((it) => it.put("b", service("pg", {})))],
  ["FederatedService", /pg of b .*itself filled/, () => changed(federated)],
  ["NoPort", /1 endpoint of b without a port/, () => changed(portless)],
  ["Affinity", /1 endpoint of b left out/, () => changed(() => undefined, { [AFFINITY]: "local" })],
  ["Lost", /b is not heard now/, () => changed((it) => it.lost.set("b", 0))],
  ["LostTooLong", /1 endpoint of b not ready/, () => changed(lost, { [LOST_AFTER]: "1s" })],
  ["NotTold", /b has not told all/, () => changed((it) => it.incomplete.add("b"))],
  [
    "its own address",
    /withheld of b: pg 10\.2\.0\.7: its own address/,
    () => filled(world(), { refusals: [REFUSED] }),
  ],
  // Of a remote as a whole.
  ["NotGranted", /b has not granted/, () => remote({ state: "not-granted" })],
  ["Vetoed", /own export policy/, () => remote({ state: "not-granted", reason: "vetoed" })],
  [
    "NoServices",
    /does not name the kind Service/,
    () => remote({ scope: scopeOf({ kinds: ["WorkloadEndpoint"] }) }),
  ],
  ["NotTold", /b has not told all/, () => remote({}, { isComplete: false })],
  ["NotHeard", /b is not heard, and/, () => remote({}, { isComplete: false, isLost: true })],
  ["NotHeard", /what it told before stays/, () => remote({}, { isLost: true })],
  ["HeldBack", /held back until/, () => remote({ heldBack: true })],
  // Of the standard's API.
  ["NoNamespace", /no namespace shop here/, () => exported(false, service("pg", {}))],
  ["NoService", /shows no Service of that name/, () => exported(true)],
  [
    "FederatedService",
    /itself filled from others/,
    () => exported(true, service("pg", {}, { federated: true })),
  ],
  ["OverBound", /not among the oldest/, overBound],
  ["NotImported", /made by somebody else/, () => imported([], "made by somebody else")],
  ["IPFamilyNotSupported", /no family in common/, () => imported([NO_FAMILY])],
  ["Waiting", /is not there yet/, waiting],
  ["PortConflict", /web\/tcp of c is not taken/, untaken],
  ["NoService", /the words of NoService/, () => conditioned("Valid", "False", "NoService")],
  ["Pending", /the words of Pending/, () => conditioned("Ready", "False", "Pending")],
  ["PortConflict", /the words of Port/, () => conditioned("Conflict", "True", "PortConflict")],
  // Of this cluster's own.
  ["Quarantined", /endpoint 10\.9\.0\.1 of shop\/own/, () => own([endpoint("own", "10.9.0.1")])],
  ["ExportPolicy", /Service shop\/own: ExportPolicy/, () => own([service("own", {})], false)],
  ["BadObject", /FQDN is not federated/, badObject],
  [
    "403: forbidden",
    /cannot read EndpointSlices/,
    () => ({ ...NOTHING, unread: [{ name: "EndpointSlices", reason: "403: forbidden" }] }),
  ],
];

const AFFINITY = "services.catwalk.dev/affinity";
const LOST_AFTER = "services.catwalk.dev/lost-after";
const REFUSED = {
  rcc: "b",
  key: "/catwalk/v1/endpoint/shop/pg/10.2.0.7",
  reason: "its own address",
};
const NO_FAMILY: ToldCondition = {
  type: "Ready",
  status: "False",
  reason: "IPFamilyNotSupported",
  message: "no family in common",
};

function ask(...args: Parameters<typeof fillable>): ServicesAnswer {
  const made = world();
  made.ask(fillable(...args));
  return filled(made);
}

const foreign = () => ({ kind: "foreign", message: "kubectl label endpoints …" }) as const;
const failing = () => ({ kind: "failing", message: "403: forbidden" }) as const;

function federated(made: FederatedWorld): void {
  made.put("b", service("pg", { app: "db" }, { federated: true }));
}

function portless(made: FederatedWorld): void {
  const ports = [{ name: "web", protocol: "tcp", port: 80 } as const];
  made.put("b", endpoint("pg", "10.2.0.2", { ports }));
}

function lost(made: FederatedWorld): void {
  made.lost.set("b", 0);
  made.nowMs = 1_000_000;
}

function overBound(): ServicesAnswer {
  const why = importCause({ cluster: "b", namespace: "shop", name: "pg", why: "OverBound" });
  const one = { ...why, cluster: "b", namespace: "shop", name: "pg" };
  return { ...NOTHING, notImported: [one] };
}

function waiting(): ServicesAnswer {
  const made = new FederatedWorld(() => null);
  made.put(null, HERE);
  made.put("b", service("pg", {}), EXPORT);
  return filled(made);
}

function untaken(): ServicesAnswer {
  const made = new FederatedWorld();
  made.put(null, HERE);
  made.put("b", service("pg", {}), EXPORT);
  const ports = [{ name: "web", protocol: "tcp", port: 5432 } as const];
  made.put("c", service("pg", {}, { ports }), { ...EXPORT, createdMs: 2_000 });
  return filled(made);
}

function badObject(): ServicesAnswer {
  const object = "EndpointSlice shop/pg-1";
  const problems = [{ object, message: "addressType: FQDN is not federated" }];
  const reading = { facts: null, isAsked: false, records: [], leaves: () => true };
  return { ...NOTHING, unpublished: unpublished({ ...reading, problems }) };
}

test.each(CAUSES)("[SVC41] %s is said in words (%s), and in JSON", (reason, words, answer) => {
  const told = servicesSchema.parse(answer());
  const text = renderServices(told, {});
  expect(text).toMatch(words);
  const line = text.split("\n").find((one) => words.test(one)) ?? "";
  expect(line.includes(reason) || text.includes(reason)).toBe(true);
  const json = renderServices(told, { output: "json" });
  expect(json).toContain(reason);
  expect(servicesSchema.parse({ cluster: null, ...(JSON.parse(json) as object) })).toEqual(told);
});

test("[SVC41] nothing is missing: no cause is named", () => {
  expect(renderServices(filled(world()), {}).split("\n")).toEqual([
    expect.stringMatching(/^SERVICE/),
    expect.stringMatching(/^shop\/db +app +own +ok +1 +0 +0 +- +Written$/),
    expect.stringMatching(/^shop\/db +b +pg +ok +1 +0 +0 +- +Written$/),
    "",
  ]);
  expect(remote({})).toEqual(NOTHING);
  const rightly = [service("own", {}), endpoint("own", "10.1.0.1")];
  expect(own(rightly)).toEqual(NOTHING);
  expect(exported(true, service("pg", {})).notImported).toEqual([]);
});

test("[SVC41] one Service asked for: what is of others is left out, and all that is withheld is named", () => {
  const refusals = Array.from({ length: 9 }, (_, n) => ({
    ...REFUSED,
    key: `/catwalk/v1/endpoint/shop/pg/10.2.1.${n}`,
  }));
  const answer = {
    ...filled(world(), { refusals }),
    ...conditioned("Conflict", "True", "TypeConflict"),
    items: filled(world(), { refusals }).items,
    notImported: overBound().notImported,
  };
  const all = renderServices(answer, {});
  expect(all.match(/withheld of b/g)).toHaveLength(5);
  expect(all).toContain("and 4 more of b: `catwalk services shop/db`");
  expect(all).toContain("OverBound");
  const one = renderServices(answer, { only: "shop/db" });
  expect(one.match(/withheld of b/g)).toHaveLength(9);
  expect(one).not.toContain("OverBound");
  expect(one).toContain("TypeConflict");
  expect(one).toContain("slice db-b-");
});

test("[SVC41] a record that is refused is looked for under the key that it has", () => {
  expect(keyOf(endpoint("pg", "10.2.0.7"))).toMatch(/\/endpoint\/shop\/pg\/10\.2\.0\.7$/);
  expect(keyOf(endpoint("pg", "10.2.0.7")).split("/")).toHaveLength(7);
});
