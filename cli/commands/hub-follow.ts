/**
 * What a cluster may see, from the hub, as it changes: over lost connections (nothing is withdrawn
 * because of one), grants that go and RCCs that come. [CLI15]
 */
import { setTimeout as sleep } from "node:timers/promises";

import type { DownReason } from "../../relay/hub/link.ts";
import type { SeenRecord } from "../../relay/policy/world.ts";
import type { Client } from "../admin/client.ts";
import { HubAwayError } from "../admin/client.ts";
import { readAccess, requireOrigin } from "./hub-view.ts";
import type { HubAccess, ViewChoice } from "./hub-view.ts";
import { nameOf, OriginReader } from "./origin-reader.ts";
import type { OriginEntry, SeenChange } from "./origin-reader.ts";
import { CommandError } from "../admin/usage-error.ts";

export interface FollowHandlers {
  /** What is seen at first; changes follow. */
  onListed(records: readonly SeenRecord[]): void;
  onChange(change: SeenChange): void;
  /** A sentence for whoever watches. */
  onNote(text: string): void;
}

/** How often the hub is asked whom the cluster may read. */
const ACCESS_MS = 5_000;
/** Refusals that mean that the origin is not to be seen any more. */
const WITHDRAWN: ReadonlySet<DownReason> = new Set(["access-denied", "removed"] as const);

/**
 * Ends only with an error.
 * @throws CommandError when the hub refuses, or cannot be read at first.
 */
export async function followHub(
  client: Client,
  choice: ViewChoice,
  handlers: FollowHandlers,
): Promise<never> {
  const access = await readAccess(client, choice);
  requireOrigin(access, choice);
  const follower = new HubFollower(client, choice, handlers);
  await follower.begin(access);
  for (;;) {
    await sleep(ACCESS_MS);
    const now = await readAccess(client, choice).catch((error: unknown) => {
      if (error instanceof HubAwayError) return null;
      throw error;
    });
    if (now !== null) await follower.take(now);
  }
}

class HubFollower {
  readonly #client: Client;
  readonly #choice: ViewChoice;
  readonly #handlers: FollowHandlers;
  readonly #readers = new Map<string, OriginReader>();
  readonly #lost = new Set<string>();
  /** What changes before is in the list. */
  #isListed = false;

  constructor(client: Client, choice: ViewChoice, handlers: FollowHandlers) {
    this.#client = client;
    this.#choice = choice;
    this.#handlers = handlers;
  }

  /** @throws CommandError when an origin cannot be read. */
  async begin({ origins }: HubAccess): Promise<void> {
    await Promise.all(origins.map((entry) => this.#open(entry)));
    this.#isListed = true;
    this.#handlers.onListed([...this.#readers.values()].flatMap((reader) => reader.records()));
  }

  /** Whom the cluster may read now. */
  async take({ origins }: HubAccess): Promise<void> {
    const permitted = new Set(origins.map(idOf));
    for (const [id, { entry }] of this.#readers)
      if (!permitted.has(id)) this.#withdraw(entry, "its RCC or its grant was deleted");
    await Promise.all(
      origins.filter((entry) => !this.#readers.has(idOf(entry))).map((entry) => this.#add(entry)),
    );
  }

  async #add(entry: OriginEntry): Promise<void> {
    let reader: OriginReader;
    try {
      reader = await this.#open(entry);
    } catch (error) {
      // Asked for again with the next answer of the hub.
      if (error instanceof CommandError) return;
      throw error;
    }
    const records = reader.records();
    this.#handlers.onNote(
      `${nameOf(entry)} is visible to ${this.#choice.cluster} now: ${records.length} records`,
    );
    for (const seen of records) this.#handlers.onChange(seen);
  }

  async #open(entry: OriginEntry): Promise<OriginReader> {
    const reader = await OriginReader.open(this.#client, entry, {
      onChange: (change) => {
        if (this.#isListed) this.#handlers.onChange(change);
      },
      onDown: (reason, message) => {
        if (reason !== null && WITHDRAWN.has(reason)) this.#withdraw(entry, message);
        else this.#down(entry, message);
      },
      onBack: () => this.#back(entry),
    });
    this.#readers.set(idOf(entry), reader);
    return reader;
  }

  #withdraw(entry: OriginEntry, why: string): void {
    const reader = this.#readers.get(idOf(entry));
    if (reader === undefined) return;
    reader.stop();
    this.#readers.delete(idOf(entry));
    this.#handlers.onNote(
      `${nameOf(entry)} is no longer visible to ${this.#choice.cluster}: ${why}`,
    );
    for (const change of reader.withdrawn()) this.#handlers.onChange(change);
    this.#lost.delete(idOf(entry));
  }

  /** Once for all that are lost together: every origin has a connection of its own. */
  #down(entry: OriginEntry, message: string): void {
    if (this.#lost.size === 0)
      this.#handlers.onNote(
        `connection to the hub lost (${message}): what was shown stands, what changes meanwhile follows`,
      );
    this.#lost.add(idOf(entry));
  }

  #back(entry: OriginEntry): void {
    if (this.#lost.delete(idOf(entry)) && this.#lost.size === 0)
      this.#handlers.onNote("connected to the hub again, and equal to it");
  }
}

/** An RCC of another name or with other labels is another one. */
function idOf({ rcc, origin, labels }: OriginEntry): string {
  return JSON.stringify([rcc, origin.uid, labels]);
}
