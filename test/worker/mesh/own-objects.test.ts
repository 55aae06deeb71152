/** What a relay writes and reads of its own cluster: `POST /v1/own`. */
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import type { CryptoKey } from "jose";
import { expect, test } from "vitest";

import { MAX_OWN_WRITES, syncOwn } from "../../../shared/api/own.ts";
import type { OwnAnswer, OwnWrite } from "../../../shared/api/own.ts";
import { memberRcc } from "../../../shared/visibility/rcc.ts";
import { refusalOf, rccRequest, TestHub, valueOf } from "./support.ts";

const UNDER = "crd-1";
const applyRcc = (name: string, under = UNDER): OwnWrite => ({
  op: "apply-rcc",
  under,
  document: memberRcc(name),
});
const applyGrant = (reader: string, namespaces?: string[]): OwnWrite => ({
  op: "apply-grant",
  under: UNDER,
  reader,
  ...(namespaces === undefined ? {} : { scope: { namespaces } }),
});

/** Tokens that were made: each has an id of its own. */
let tokens = 0;

/** A relay that has joined as a member of `demo`. */
class TestRelay {
  readonly hub: TestHub;
  readonly #key: CryptoKey;
  readonly #credential: string;
  readonly #uid: string;

  private constructor(hub: TestHub, key: CryptoKey, credential: string, uid: string) {
    this.hub = hub;
    this.#key = key;
    this.#credential = credential;
    this.#uid = uid;
  }

  static async join(hub: TestHub, cluster: string): Promise<TestRelay> {
    const pair = await generateKeyPair("Ed25519", { extractable: true });
    const { joinToken } = valueOf(await hub.service("demo").newToken(cluster));
    const { kty, crv, x } = await exportJWK(pair.publicKey);
    const joined = await hub.call("POST", "/v1/join", { joinToken, publicKey: { kty, crv, x } });
    const { credential, cluster: ref } = joined.body as unknown as {
      readonly credential: string;
      readonly cluster: { readonly uid: string };
    };
    return new TestRelay(hub, pair.privateKey, credential, ref.uid);
  }

  async headers(id = `${"i".repeat(22)}${++tokens}`): Promise<Record<string, string>> {
    const iat = Math.floor(this.hub.nowMs / 1000);
    const token = await new SignJWT({ jti: id })
      .setProtectedHeader({ alg: "Ed25519" })
      .setIssuer(this.#uid)
      .setAudience("catwalk-hub")
      .setIssuedAt(iat)
      .setExpirationTime(iat + 240)
      .sign(this.#key);
    return { authorization: `Bearer ${token}`, "catwalk-credential": this.#credential };
  }

  async ask(...writes: readonly unknown[]) {
    return this.hub.call("POST", "/v1/own", { writes }, await this.headers());
  }

  async sync(...writes: readonly OwnWrite[]): Promise<OwnAnswer> {
    const { status, body } = await this.ask(...writes);
    expect([status, body.detail]).toEqual([200, undefined]);
    return syncOwn.answer.parse(body);
  }
}

async function pair() {
  const hub = new TestHub();
  const uids = await hub.withClusters("app", "db");
  const [app, db] = [await TestRelay.join(hub, "app"), await TestRelay.join(hub, "db")];
  return { hub, uids, app, db, demo: hub.service("demo") };
}

test("[CRD4] a relay writes RCCs and grants of its own cluster, and reads what the hub holds of it", async () => {
  const { hub, uids, app, db } = await pair();
  const made = await app.sync(applyRcc("db"));
  expect(made).toMatchObject({
    cluster: { name: "app" },
    results: [{ ok: true }],
    rccs: [
      {
        metadata: { name: "db" },
        status: { state: "not-granted", managedBy: "cluster" },
        under: UNDER,
      },
    ],
    grants: [],
  });
  const granted = await db.sync(applyGrant("app", ["shop"]));
  expect(granted).toMatchObject({
    cluster: { name: "db" },
    rccs: [],
    grants: [
      { reader: { name: "app" }, used: true, scope: { namespaces: ["shop"] }, under: UNDER },
    ],
  });
  expect((await app.sync()).rccs[0]?.status.state).toBe("granted");
  await expect
    .poll(() => hub.origin(uids["app"] ?? "").facts?.remotes)
    .toMatchObject([{ rcc: "db", state: "granted" }]);
  const gone = await db.sync({ op: "delete-grant", under: UNDER, reader: "app" });
  expect(gone.grants).toEqual([]);
  expect((await app.sync({ op: "delete-rcc", under: UNDER, name: "db" })).rccs).toEqual([]);
});

test("[CRD4] there is no way to another cluster: fields that would name one are refused, and a grant is always of one's own", async () => {
  const { app, demo } = await pair();
  for (const wrong of [
    { ...applyGrant("db"), origin: "db" },
    { ...applyRcc("db"), cluster: "db" },
    { ...applyGrant("app"), cluster: { uid: "x", name: "db" } },
  ])
    expect((await app.ask(wrong)).status).toBe(400);
  const { results } = await app.sync(applyGrant("db"), applyGrant("app"), applyRcc("app"));
  expect(results.map((one) => (one.ok ? "made" : one.code))).toEqual([
    "made",
    "own-cluster",
    "own-cluster",
  ]);
  expect(valueOf(await demo.listGrants(null)).map(({ origin }) => origin.name)).toEqual(["app"]);
  expect(valueOf(await demo.listRccs("db"))).toEqual([]);
});

test("[CRD4] it takes a relay's credential with a token of its own, and no other: not the admin's, not one twice, not of a replaced key or a cluster that is gone", async () => {
  const { hub, app, demo } = await pair();
  const call = (headers: Record<string, string>) =>
    hub.call("POST", "/v1/own", { writes: [] }, headers);
  expect((await call({})).status).toBe(401);
  const headers = await app.headers();
  expect((await call(headers)).status).toBe(200);
  expect((await call(headers)).body.code).toBe("token-used");
  const second = await TestRelay.join(hub, "app");
  expect((await app.ask(applyRcc("db"))).body.code).toBe("unauthenticated");
  expect((await second.sync(applyRcc("db"))).rccs).toHaveLength(1);
  valueOf(await demo.removeCluster("app"));
  expect((await second.ask(applyRcc("db"))).status).toBe(410);
});

test("[CRD4] what is refused costs no other write; a request has at most 32, a cluster makes 50 requests a second", async () => {
  const { hub, app } = await pair();
  const broken = { ...memberRcc("bad"), spec: { kubeconfig: "/x" } };
  const { results, rccs } = await app.sync(
    applyRcc("nobody"),
    { op: "apply-rcc", under: UNDER, document: broken },
    applyRcc("db"),
    { op: "delete-grant", under: UNDER, reader: "db" },
  );
  expect(results.map((one) => (one.ok ? "made" : `${one.status} ${one.code}`))).toEqual([
    "422 unknown-remote",
    "422 not-possible",
    "made",
    "404 no-such-grant",
  ]);
  expect(rccs.map(({ metadata }) => metadata.name)).toEqual(["db"]);
  const many = Array.from({ length: MAX_OWN_WRITES + 1 }, () => applyRcc("db"));
  expect((await app.ask(...many)).status).toBe(400);
  const answers = [];
  for (let n = 0; n < 210; n++) answers.push((await app.ask()).status);
  expect(answers.at(-1)).toBe(429);
  hub.nowMs += 1_000;
  expect((await app.ask()).status).toBe(200);
});

test("[CRD5] one owner: neither the API nor the cluster writes what is the other's, and each is told whose it is", async () => {
  const { app, db, demo } = await pair();
  valueOf(await demo.applyRcc("app", rccRequest("db"), "apply"));
  valueOf(await demo.createGrant("db", "app"));
  expect((await app.sync(applyRcc("db"))).results).toMatchObject([{ code: "managed-by-api" }]);
  expect((await db.sync(applyGrant("app", ["shop"]))).results).toMatchObject([
    { status: 409, code: "managed-by-api" },
  ]);
  const deletion = await db.sync({ op: "delete-grant", under: UNDER, reader: "app" });
  expect(deletion.results).toMatchObject([{ code: "managed-by-api" }]);
  expect(deletion.grants).toMatchObject([{ managedBy: "api", under: null }]);

  valueOf(await demo.deleteRcc("app", "db"));
  valueOf(await demo.deleteGrant("db", "app"));
  await app.sync(applyRcc("db"));
  await db.sync(applyGrant("app"));
  const refusals = [
    await demo.applyRcc("app", rccRequest("db"), "apply"),
    await demo.deleteRcc("app", "db"),
    await demo.applyGrant("db", "app", { namespaces: ["shop"] }),
    await demo.deleteGrant("db", "app"),
  ].map((outcome) => refusalOf(outcome));
  for (const { status, code, detail } of refusals) {
    expect([status, code]).toEqual([409, "managed-by-cluster"]);
    expect(detail).toContain("--managed-by");
  }
});

test("[CRD5] the API takes an object over, hands one over, and deletes what a cluster left, where the request says so", async () => {
  const { hub, app, demo } = await pair();
  const path = "/v1/meshes/demo/clusters/app/rccs/db";
  await app.sync(applyRcc("db"));
  const taken = await hub.call("PUT", `${path}?managedBy=api`, memberRcc("db"));
  expect(taken.body).toMatchObject({ rcc: { status: { managedBy: "api" } } });
  expect((await app.sync(applyRcc("db"))).results).toMatchObject([{ code: "managed-by-api" }]);
  await hub.call("PUT", `${path}?managedBy=cluster`, memberRcc("db"));
  expect((await app.sync()).rccs).toMatchObject([{ under: "", status: { managedBy: "cluster" } }]);
  expect((await app.sync(applyRcc("db"))).rccs).toMatchObject([{ under: UNDER }]);
  expect((await hub.call("DELETE", `${path}?managedBy=api`)).body.code).toBe("managed-by-cluster");
  expect((await hub.call("DELETE", `${path}?managedBy=cluster`)).status).toBe(200);
  await app.sync(applyGrant("db"));
  const grant = "/v1/meshes/demo/grants/app/db";
  expect((await hub.call("DELETE", grant)).status).toBe(409);
  expect((await hub.call("PUT", `${grant}?managedBy=api`, {})).body).toMatchObject({
    grant: { managedBy: "api" },
  });
  expect((await hub.call("DELETE", grant)).status).toBe(200);
  expect(valueOf(await demo.listGrants(null))).toEqual([]);
});

test("[CRD7] the hub deletes no object for a relay under another CRD than the one that made it", async () => {
  const { app } = await pair();
  await app.sync(applyRcc("db"));
  const deletion = await app.sync({ op: "delete-rcc", under: "crd-2", name: "db" });
  expect(deletion.results).toMatchObject([{ status: 409, code: "other-definition" }]);
  expect((await app.sync(applyRcc("db", "crd-2"))).rccs).toMatchObject([{ under: "crd-2" }]);
  const { rccs } = await app.sync({ op: "delete-rcc", under: "crd-2", name: "db" });
  expect(rccs).toEqual([]);
});

test("[VIS49] what a relay writes is in the members' part of the audit", async () => {
  const { hub, app, demo } = await pair();
  await app.sync(applyRcc("db"), applyGrant("db"));
  const rows = valueOf(await demo.audit(2)).map(({ who, action }) => `${who}: ${action}`);
  expect(rows.toSorted()).toEqual(["cluster app: grant apply", "cluster app: rcc apply"]);
  const members = hub.mesh("demo").store.list("audit", "members/");
  expect(members.map(([, row]) => row.action)).toEqual(["rcc apply", "grant apply"]);
});
