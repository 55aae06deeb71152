/** What happened, as webhooks are told it. */
import type { SigningKey } from "./ed25519.ts";

export interface HappenedEvent {
  /** One of `EVENT_TYPES`, or `webhook.test`. */
  readonly type: string;
  /** What it is the state of: a newer event of a subject supersedes the older ones. */
  readonly subject: string;
  /** Rises with the events of the subject. */
  readonly number: number;
  readonly atMs: number;
  /** When the trouble began, or ended: what `startsAt` and `endsAt` of an alert are made of. */
  readonly sinceMs: number;
  /** Whether something is wrong now. */
  readonly isFiring: boolean;
  readonly cluster: ToldCluster | null;
  /** One sentence. */
  readonly summary: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface ToldCluster {
  readonly uid: string;
  readonly name: string;
}

/** An event before it has its number. */
export type EventDraft<Type extends string = string> = Omit<
  HappenedEvent,
  "type" | "number" | "atMs" | "sinceMs"
> & {
  readonly type: Type;
  /** Who wants events of this type is told too. Not kept. [EVT16] */
  readonly also?: Type;
  /** Absent: now. */
  readonly sinceMs?: number;
};

/** @param events That a webhook subscribes to; empty: all. */
export function isWanted<Type extends string>(
  events: readonly Type[],
  { type, also = type }: Pick<EventDraft<Type>, "type" | "also">,
): boolean {
  return events.length === 0 || events.includes(type) || events.includes(also);
}

export type WebhookFormat = "standard" | "alertmanager";

/** What a delivery is signed with. */
export interface Signing {
  /** `whsec_` and base64. */
  readonly secret: string;
  /** Unix ms; `null`: it is the present one. */
  readonly untilMs: number | null;
  /** Signs besides, where the receiver wants signatures that only the sender can make. [EVT13] */
  readonly signing?: SigningKey | undefined;
}

/** Edges that an event names. */
export const MOST_EDGES = 100;
