/**
 * An event as a receiver gets it: Standard Webhooks 1.0, signed, or what Alertmanager takes at
 * `/api/v2/alerts`. [EVT6] [EVT7]
 */
import { signV1a } from "./ed25519.ts";
import type { HappenedEvent, Signing, WebhookFormat } from "./event.ts";

export interface Payload {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What is sent, and who sends it. */
export interface Told {
  readonly mesh: { readonly id: string; readonly name: string };
  readonly sequence: number;
  readonly event: HappenedEvent;
  /** The relay that tells it, unlike any other; absent: the hub does. */
  readonly relay?: string;
}

const utf8 = new TextEncoder();

/** An alert that ends by itself when nothing more is told of it. */
const ALERT_LIFE_MS = 7 * 24 * 3_600_000;
/** Of an event that is over as it happens. */
const MOMENT_MS = 3_600_000;

export async function payloadOf(
  told: Told,
  webhook: { readonly format: WebhookFormat; readonly secrets: readonly Signing[] },
  nowMs: number,
): Promise<Payload> {
  const body =
    webhook.format === "alertmanager"
      ? JSON.stringify(alertsOf(told, nowMs))
      : JSON.stringify(standardOf(told));
  const id = `evt_${(told.relay ?? told.mesh.id).slice(0, 12)}_${told.sequence}`;
  const timestamp = String(Math.floor(nowMs / 1000));
  const valid = webhook.secrets.filter(({ untilMs }) => untilMs === null || untilMs > nowMs);
  const text = `${id}.${timestamp}.${body}`;
  const signatures = await Promise.all(
    valid.flatMap(({ secret, signing }) => [
      sign(secret, text),
      ...(signing === undefined ? [] : [signV1a(signing.privateKey, text)]),
    ]),
  );
  return {
    body,
    headers: {
      "content-type": "application/json",
      "user-agent": told.relay === undefined ? "catwalk-hub" : "catwalk-relay",
      "webhook-id": id,
      "webhook-timestamp": timestamp,
      // A receiver without a secret, as Alertmanager, verifies none.
      ...(signatures.length === 0 ? {} : { "webhook-signature": signatures.join(" ") }),
    },
  };
}

function standardOf({ mesh, sequence, event }: Told): unknown {
  return {
    type: event.type,
    timestamp: new Date(event.atMs).toISOString(),
    data: {
      mesh: { ...mesh },
      sequence,
      subject: event.subject,
      subjectSequence: event.number,
      fingerprint: fingerprintOf(mesh.id, event.subject),
      status: event.isFiring ? "firing" : "resolved",
      since: new Date(event.sinceMs).toISOString(),
      cluster: event.cluster,
      summary: event.summary,
      ...event.data,
    },
  };
}

/** The same for all events of a subject. */
export function fingerprintOf(meshId: string, subject: string): string {
  return `${meshId.slice(0, 12)}:${subject}`;
}

/**
 * `sync.lost` and `sync.degraded` are two alerts, of other severity: of one cluster one of them is
 * there at most, and each event tells both.
 */
function alertsOf({ mesh, event }: Told, nowMs: number): unknown[] {
  const names = event.subject.startsWith("sync/") ? ["sync.lost", "sync.degraded"] : [event.type];
  return names.map((type) => {
    const isFiring = event.isFiring && type === event.type;
    const isMoment = !event.isFiring && type === event.type && !event.subject.startsWith("sync/");
    const endsMs = isFiring
      ? nowMs + ALERT_LIFE_MS
      : isMoment && MOMENTS.has(type)
        ? event.atMs + MOMENT_MS
        : event.atMs;
    return {
      labels: {
        alertname: alertName(type),
        severity: SEVERITIES[type] ?? "info",
        mesh: mesh.name,
        ...(event.cluster === null ? {} : { cluster: event.cluster.name }),
      },
      annotations: { summary: event.summary, fingerprint: fingerprintOf(mesh.id, event.subject) },
      startsAt: new Date(Math.min(event.sinceMs, endsMs)).toISOString(),
      endsAt: new Date(endsMs).toISOString(),
    };
  });
}

const MOMENTS: ReadonlySet<string> = new Set(["cluster.joined", "cluster.left", "webhook.test"]);

const SEVERITIES: Readonly<Record<string, string>> = {
  "sync.lost": "critical",
  "sync.degraded": "warning",
  "withdrawal.held": "warning",
  "origin.quarantined": "warning",
  "rcc.condition_changed": "warning",
  "webhook.disabled": "warning",
};

/** `sync.lost` → `CatwalkSyncLost`. */
function alertName(type: string): string {
  const words = type.split(/[._]/).map((word) => word.slice(0, 1).toUpperCase() + word.slice(1));
  return `Catwalk${words.join("")}`;
}

/** `v1,` and the base64 of HMAC-SHA256; the key is what follows `whsec_`, in base64. */
async function sign(secret: string, text: string): Promise<string> {
  const raw = Uint8Array.from(atob(secret.slice("whsec_".length)), (char) => char.charCodeAt(0));
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", raw, algorithm, false, ["sign"]);
  const signature = new Uint8Array(await crypto.subtle.sign("HMAC", key, utf8.encode(text)));
  return `v1,${btoa(String.fromCharCode(...signature))}`;
}
