/**
 * One origin as a cluster may see it, read from the hub into memory over the very protocol and link
 * that the cluster's relay uses.
 */
import type { DownReason } from "../../relay/hub/link.ts";
import type { LabelMode } from "../../shared/visibility/facts.ts";
import { nodePortsBy } from "../../relay/hub/relay-ports.ts";
import { routeTo } from "../../relay/hub/route.ts";
import type { SeenRecord } from "../../relay/policy/world.ts";
import type { HeldRecord } from "../../relay/view/held-records.ts";
import { MemoryRemote } from "../../relay/view/memory-remote.ts";
import { Watcher } from "../../relay/view/watcher.ts";
import type { Client } from "../admin/client.ts";
import { CommandError } from "../admin/usage-error.ts";

/** An origin in the hub's answer to what a cluster may see. */
export interface OriginEntry {
  /** `null` for the cluster itself. */
  readonly rcc: string | null;
  readonly origin: { readonly uid: string; readonly name: string };
  readonly watch: string;
  /** Absent from a hub of a version before. */
  readonly labels?: LabelMode;
}

/** A change while following; `deleted` has the last record. */
export type SeenChange = SeenRecord & { readonly deleted?: true };

/** What happens after all was read. */
export interface OriginHandlers {
  onChange(change: SeenChange): void;
  /** The connection is lost, or refused for this reason; the reader dials again. */
  onDown(reason: DownReason | null, message: string): void;
  /** Connected again, and proven equal. */
  onBack(): void;
}

const READ_MS = 30_000;
const IGNORED: OriginHandlers = {
  onChange: () => undefined,
  onDown: () => undefined,
  onBack: () => undefined,
};

/** What the origin's RCC, or the cluster itself, is called. */
export function nameOf({ rcc, origin }: OriginEntry): string {
  return rcc ?? origin.name;
}

export class OriginReader {
  readonly entry: OriginEntry;
  readonly #view = new MemoryRemote();
  readonly #watcher: Watcher;
  #handlers: OriginHandlers = IGNORED;
  #isEqual = false;

  private constructor(client: Client, entry: OriginEntry) {
    this.entry = entry;
    const url = new URL(entry.watch, client.server);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    this.#watcher = new Watcher(
      this.#view,
      url.href,
      () => Promise.resolve(client.headers()),
      {
        onChanges: (changes) => {
          for (const { op, held } of changes)
            this.#handlers.onChange(op === "put" ? this.#seen(held) : this.#gone(held));
        },
        onState: () => this.#onState(),
        onDown: (reason, message) => this.#handlers.onDown(reason, message),
      },
      nodePortsBy(routeTo(client.server)),
    );
  }

  /**
   * Resolves when all is read; from then on the handlers are called.
   * @throws CommandError when the hub refuses, is lost, or takes too long.
   */
  static open(
    client: Client,
    entry: OriginEntry,
    handlers: OriginHandlers = IGNORED,
  ): Promise<OriginReader> {
    const reader = new OriginReader(client, entry);
    return new Promise((resolve, reject) => {
      const fail = (message: string): void => {
        clearTimeout(timer);
        reader.stop();
        reject(new CommandError(`cannot read ${nameOf(entry)} from the hub: ${message}`));
      };
      const timer = setTimeout(() => fail(`not complete after ${READ_MS / 1000} s`), READ_MS);
      reader.#handlers = {
        onChange: () => undefined,
        onDown: (_reason, message) => fail(message),
        onBack: () => {
          clearTimeout(timer);
          reader.#handlers = handlers;
          resolve(reader);
        },
      };
      reader.#watcher.start();
    });
  }

  records(): SeenRecord[] {
    return this.#view.records().map((held) => this.#seen(held));
  }

  /** All that is held, as deleted. */
  withdrawn(): SeenChange[] {
    return this.#view.records().map((held) => this.#gone(held));
  }

  /** Closes for good; no handler is called afterwards. */
  stop(): void {
    this.#watcher.stop();
  }

  #onState(): void {
    const isEqual = this.#watcher.isTold && this.#view.isVerified;
    const isBack = isEqual && !this.#isEqual;
    this.#isEqual = isEqual;
    if (isBack) this.#handlers.onBack();
  }

  #seen({ key, revision, record }: HeldRecord): SeenRecord {
    const { rcc } = this.entry;
    return { origin: nameOf(this.entry), isOwn: rcc === null, key, revision, record };
  }

  #gone(held: HeldRecord): SeenChange {
    return { ...this.#seen(held), deleted: true };
  }
}
