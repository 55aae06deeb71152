/** Webhooks of a mesh as its operator has them, and what happened in the mesh. [EVT3] [EVT10] */
import type { ClusterHealth } from "../../../shared/visibility/health.ts";
import { fromHex } from "../../../shared/lib/bytes.ts";
import type { Mesh } from "../mesh.ts";
import { Refused } from "../outcome.ts";
import type { Outcome } from "../outcome.ts";
import type { Deliverer } from "./deliverer.ts";
import { signingKey } from "../../../shared/webhooks/ed25519.ts";
import type { Signing } from "../../../shared/webhooks/event.ts";
import { noteHealth } from "./note-health.ts";
import { payloadOf } from "../../../shared/webhooks/payload.ts";
import type { Post } from "./post.ts";
import { numberId, WEBHOOK_LIMITS } from "./rows.ts";
import type { DeliveryRow, WebhookRow } from "./rows.ts";
import { targetProblem } from "../../../shared/webhooks/target.ts";
import type {
  ChangedWebhook,
  EventQuery,
  NewWebhook,
  NumberedEvent,
  TestResult,
  Webhook,
  WebhookCalls,
  WebhookChange,
} from "./webhook-calls.ts";

export interface WebhookPorts {
  readonly post: Post;
  readonly allowPrivate: boolean;
}

/** Of the older secret, after another was made. */
const ROTATION_MS = 24 * 3_600_000;
const SECRET_BYTES = 32;
/** What a name resolves to is judged by workerd: its `network` service allows `public` only. */
const ADVICE = "the hub's operator may allow that with `catwalk hub --allow-private-webhooks`";

export class WebhookService implements WebhookCalls {
  readonly #mesh: Mesh;
  readonly #deliverer: Deliverer;
  readonly #ports: WebhookPorts;
  readonly #who: string;

  /** @param who Asks, for the audit. */
  constructor(mesh: Mesh, deliverer: Deliverer, ports: WebhookPorts, who = "admin") {
    this.#who = who;
    this.#mesh = mesh;
    this.#deliverer = deliverer;
    this.#ports = ports;
  }

  /** What an Origin tells of its cluster. */
  noteHealth(clusterUid: string, health: ClusterHealth): void {
    const cluster = this.#mesh.member(clusterUid);
    if (cluster === undefined || cluster.removed || this.#mesh.row() === undefined) return;
    this.#mesh.decide(() => noteHealth(this.#mesh, cluster, health));
    this.#deliverer.wake();
  }

  async createWebhook(given: NewWebhook): Promise<Outcome<ChangedWebhook>> {
    const { store, environment } = this.#mesh;
    const { isAsymmetric = false, ...kept } = given;
    const secret = await this.#newSecret(isAsymmetric);
    return this.#decide(() => {
      const rule = targetProblem(given.url, this.#targetRule);
      if (rule !== null)
        throw new Refused(422, "not-possible", `url: ${rule}`, [{ field: "url", rule }]);
      if (store.count("webhooks") >= WEBHOOK_LIMITS.webhooks)
        throw new Refused(
          422,
          "too-many",
          `a mesh has at most ${WEBHOOK_LIMITS.webhooks} webhooks`,
        );
      const id = `wh_${environment.randomHex(8)}`;
      const row: WebhookRow = {
        ...kept,
        secrets: [secret],
        createdMs: environment.clock.now(),
        failingSinceMs: null,
        disabled: null,
      };
      store.put("webhooks", id, row);
      this.#mesh.audit.operator(this.#who, "webhook create", `${id} ${hostOf(given.url)}`);
      return { webhook: this.#show(id, row), secret: secret.secret };
    });
  }

  async listWebhooks(): Promise<Outcome<readonly Webhook[]>> {
    return this.#ask(() =>
      this.#mesh.store.list("webhooks").map(([id, row]) => this.#show(id, row)),
    );
  }

  async getWebhook(id: string): Promise<Outcome<Webhook>> {
    return this.#ask(() => this.#show(id, this.#require(id)));
  }

  async updateWebhook(id: string, change: WebhookChange): Promise<Outcome<ChangedWebhook>> {
    const { store, environment, audit } = this.#mesh;
    const known = store.get("webhooks", id)?.secrets ?? [];
    const isRotated = change.rotateSecret === true;
    const isAsymmetric = known.some(({ signing }) => signing !== undefined);
    const made = isRotated ? await this.#newSecret(isAsymmetric) : null;
    return this.#decide(() => {
      let row = this.#require(id);
      if (made !== null) {
        const untilMs = environment.clock.now() + ROTATION_MS;
        const [newest] = row.secrets;
        const older = newest === undefined ? [] : [{ ...newest, untilMs }];
        row = { ...row, secrets: [made, ...older] };
        audit.operator(this.#who, "webhook rotate", id);
      }
      if (change.enabled === true && row.disabled !== null) {
        row = { ...row, disabled: null, failingSinceMs: null };
        audit.operator(this.#who, "webhook enable", id);
      }
      store.put("webhooks", id, row);
      return { webhook: this.#show(id, row), secret: made?.secret ?? null };
    });
  }

  async deleteWebhook(id: string): Promise<Outcome<object>> {
    const { store, audit } = this.#mesh;
    return this.#decide(() => {
      this.#require(id);
      store.delete("webhooks", id);
      store.delete("counters", `deliveries/${id}`);
      for (const name of ["due", "deliveries"] as const)
        for (const [row] of store.list(name, `${id}/`)) store.delete(name, row);
      audit.operator(this.#who, "webhook delete", id);
      return {};
    });
  }

  /** Sends one made-up event now, whether or not the webhook is disabled. */
  async testWebhook(id: string): Promise<Outcome<TestResult>> {
    const found = this.#mesh.ask(() => ({
      mesh: this.#mesh.requireMesh(),
      row: this.#require(id),
    }));
    if (!found.ok) return found;
    const { mesh, row } = found.value;
    const nowMs = this.#mesh.environment.clock.now();
    const event = {
      type: "webhook.test",
      subject: `test/${id}`,
      number: 1,
      atMs: nowMs,
      sinceMs: nowMs,
      isFiring: false,
      cluster: null,
      summary: `a test of webhook ${id}: nothing has happened`,
      data: {},
    };
    const told = { mesh: { id: mesh.id, name: mesh.name }, sequence: 0, event };
    const sent = await this.#ports.post(row.url, await payloadOf(told, row, nowMs));
    return {
      ok: true,
      value:
        sent.kind === "answered"
          ? { status: sent.status, error: "" }
          : { status: null, error: sent.error },
    };
  }

  async listDeliveries(id: string): Promise<Outcome<readonly DeliveryRow[]>> {
    return this.#ask(() => {
      this.#require(id);
      return this.#mesh.store
        .list("deliveries", `${id}/`)
        .map(([, row]) => row)
        .toReversed();
    });
  }

  async redeliver(id: string, event: number): Promise<Outcome<object>> {
    const { store, environment, audit } = this.#mesh;
    return this.#decide(() => {
      this.#require(id);
      if (store.get("events", numberId(event)) === undefined)
        throw new Refused(404, "no-such-event", `event ${event} is not kept (any more)`);
      store.put("due", `${id}/redeliver/${numberId(event)}`, {
        event,
        attempts: 0,
        dueMs: environment.clock.now(),
      });
      audit.operator(this.#who, "webhook redeliver", `${id} event ${event}`);
      return {};
    });
  }

  async listEvents({ after, limit }: EventQuery): Promise<Outcome<readonly NumberedEvent[]>> {
    return this.#ask(() => this.#events(after, limit));
  }

  async newestEvents(limit: number): Promise<Outcome<readonly NumberedEvent[]>> {
    return this.#ask(() => {
      const newest = this.#mesh.store.get("counters", "events")?.value ?? 0;
      return this.#events(Math.max(0, newest - limit), limit);
    });
  }

  #events(after: number, limit: number): NumberedEvent[] {
    return this.#mesh.store
      .after("events", numberId(after), limit)
      .map(([id, row]) => ({ sequence: Number(id), ...row }));
  }

  async #newSecret(isAsymmetric: boolean): Promise<Signing> {
    const secret = `whsec_${btoa(String.fromCharCode(...this.#randomBytes()))}`;
    if (!isAsymmetric) return { secret, untilMs: null };
    return { secret, untilMs: null, signing: await signingKey(this.#randomBytes()) };
  }

  get #targetRule() {
    return { allowPrivate: this.#ports.allowPrivate, advice: ADVICE };
  }

  #randomBytes(): Uint8Array {
    return fromHex(this.#mesh.environment.randomHex(SECRET_BYTES)) ?? new Uint8Array();
  }

  /** @throws Refused */
  #require(id: string): WebhookRow {
    const row = this.#mesh.store.get("webhooks", id);
    if (row === undefined) throw new Refused(404, "no-such-webhook", `there is no webhook ${id}`);
    return row;
  }

  #show(id: string, { secrets, ...row }: WebhookRow): Webhook {
    const waiting = this.#mesh.store.count("due", `${id}/`);
    const publicKeys = secrets.flatMap(({ signing }) => signing?.publicKey ?? []);
    return { id, ...row, secrets: secrets.length, publicKeys, waiting };
  }

  #ask<T>(work: () => T): Outcome<T> {
    return this.#mesh.ask(() => {
      this.#mesh.requireMesh();
      return work();
    });
  }

  #decide<T>(work: () => T): Outcome<T> {
    const found = this.#mesh.ask(() => this.#mesh.requireMesh());
    if (!found.ok) return found;
    const decided = this.#mesh.decide(work);
    this.#deliverer.wake();
    return decided.ok ? { ok: true, value: decided.value.value } : decided;
  }
}

/** A path of a receiver is often a secret: it is in no audit. */
function hostOf(url: string): string {
  return new URL(url).host;
}
