/**
 * Looks at the remotes that this relay reads itself, and tells webhooks what has changed, if this
 * relay is the one of its cluster that tells. Wires `teller-state.ts` to time, disk and network.
 * [DIR20] [DIR21]
 */
import type { RelayPorts } from "../hub/relay-ports.ts";
import type { Logger } from "../lib/log.ts";
import { errorText } from "../../shared/lib/error-text.ts";
import { payloadOf } from "../../shared/webhooks/payload.ts";
import type { Payload } from "../../shared/webhooks/payload.ts";
import { dueMs } from "../../shared/webhooks/retry.ts";
import type { Sent } from "../../shared/webhooks/retry.ts";
import { judgeRemote, NOTHING_SEEN } from "./judge-remote.ts";
import type { RemoteMemory, RemoteSight } from "./judge-remote.ts";
import { readSecrets } from "./secret-file.ts";
import type { WebhookSetting, WebhookSettings } from "./settings.ts";
import { readTellerState, writeTellerState } from "./state-file.ts";
import { begun, newTellerState, noteRemotes, partsOf } from "./teller-state.ts";
import { settled, takeOver, withoutStale } from "./teller-state.ts";
import type { TellerState } from "./teller-state.ts";

const LOOK_MS = 1_000;
/** A hanging receiver holds so many requests, and no other webhook's. */
const IN_FLIGHT = 2;
/** Where there is no hub there is no mesh: as the views of such remotes are kept. */
const MESH = { id: "direct", name: "direct" };

export interface TellerOptions {
  readonly settings: WebhookSettings;
  readonly stateDir: string;
  readonly ports: Pick<RelayPorts, "now" | "wallMs" | "random" | "after">;
  readonly log: Logger;
  post(url: string, payload: Payload): Promise<Sent>;
  /** Of the relays of the cluster this one tells, as far as is known. */
  mayTell(): boolean;
  /** `null`: what names the remotes was not read yet. */
  sights(): readonly RemoteSight[] | null;
}

/** Of one webhook. Its URL may be a secret: of it there is the host. */
export interface WebhookReport {
  readonly name: string;
  readonly host: string;
  /** Events that are due, or tried again later. */
  readonly waiting: number;
  /** Why the last delivery came to nothing; `null`: it did not. */
  readonly problem: string | null;
  /** The receiver has answered that it is gone, or nothing came through for 5 days. */
  readonly isDisabled: boolean;
}

export interface TellerReport {
  readonly isTeller: boolean;
  readonly webhooks: readonly WebhookReport[];
}

export class WebhookTeller {
  readonly #options: TellerOptions;
  #state: TellerState;
  readonly #memories = new Map<string, RemoteMemory>();
  readonly #inFlight = new Set<string>();
  readonly #problems = new Map<string, string>();
  /** Until the next start: what was wrong with a receiver was put right then. */
  readonly #disabled = new Set<string>();
  #isTeller: boolean;
  #isStopped = false;
  #isUnwritten = false;
  #cancelLook: () => void = () => undefined;

  constructor(options: TellerOptions) {
    this.#options = options;
    const { stateDir, ports, settings } = options;
    const id = Math.floor(ports.random() * 2 ** 48).toString(16);
    const stored = readTellerState(stateDir) ?? newTellerState(id.padStart(12, "0"));
    this.#state = withoutStale(stored, settings.webhooks);
    this.#isTeller = options.mayTell();
  }

  start(): void {
    this.#look();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelLook();
  }

  report(): TellerReport {
    const due = Object.keys(this.#state.due).map((id) => partsOf(id).webhook);
    return {
      isTeller: this.#isTeller,
      webhooks: this.#options.settings.webhooks.map(({ name, url }) => ({
        name,
        host: new URL(url).host,
        waiting: due.filter((of) => of === name).length,
        problem: this.#problems.get(name) ?? null,
        isDisabled: this.#disabled.has(name),
      })),
    };
  }

  #look(): void {
    const { ports, settings } = this.#options;
    const { webhooks } = settings;
    const nowMs = this.#wallMs();
    const judged = this.#judge();
    let next = this.#state;
    if (judged !== null) next = noteRemotes(next, settings.cluster, judged, webhooks, nowMs);
    const mayTell = this.#options.mayTell();
    if (mayTell && !this.#isTeller) next = takeOver(next, webhooks, nowMs);
    this.#isTeller = mayTell;
    this.#keep(next);
    this.#deliver();
    if (!this.#isStopped) this.#cancelLook = ports.after(LOOK_MS, () => this.#look());
  }

  #judge() {
    const sights = this.#options.sights();
    if (sights === null) return null;
    const nowMs = this.#options.ports.now();
    const names = new Set(sights.map(({ rcc }) => rcc));
    for (const rcc of this.#memories.keys()) if (!names.has(rcc)) this.#memories.delete(rcc);
    return sights.map((sight) => {
      const before = this.#memories.get(sight.rcc) ?? NOTHING_SEEN;
      const { memory, health, isInSync } = judgeRemote(before, sight, nowMs);
      this.#memories.set(sight.rcc, memory);
      return { rcc: sight.rcc, health, isInSync };
    });
  }

  #deliver(): void {
    if (!this.#isTeller || this.#isStopped) return;
    const nowMs = this.#wallMs();
    for (const [id, row] of Object.entries(this.#state.due)) {
      const setting = this.#settingOf(id);
      if (setting === undefined || dueMs(row, nowMs) > nowMs || !this.#hasRoom(id)) continue;
      this.#inFlight.add(id);
      void this.#send(id, setting).finally(() => {
        this.#inFlight.delete(id);
        this.#deliver();
      });
    }
  }

  #settingOf(id: string): WebhookSetting | undefined {
    const { webhook } = partsOf(id);
    if (this.#disabled.has(webhook)) return undefined;
    return this.#options.settings.webhooks.find(({ name }) => name === webhook);
  }

  #hasRoom(id: string): boolean {
    const { webhook } = partsOf(id);
    const busy = [...this.#inFlight].filter((other) => partsOf(other).webhook === webhook);
    return !this.#inFlight.has(id) && busy.length < IN_FLIGHT;
  }

  async #send(id: string, setting: WebhookSetting): Promise<void> {
    const nowMs = this.#wallMs();
    const event = this.#state.events[partsOf(id).subject];
    this.#keep(begun(this.#state, id, nowMs));
    const row = this.#state.due[id];
    if (row === undefined || event === undefined) return;
    const sent = await this.#post(setting, event, nowMs);
    const { state, after } = settled(this.#state, id, row, sent, this.#wallMs());
    this.#keep(state);
    this.#tell(setting.name, after);
  }

  async #post(
    { url, secretFile, format }: WebhookSetting,
    event: TellerState["events"][string],
    nowMs: number,
  ): Promise<Sent> {
    const read = secretFile === undefined ? null : await readSecrets(secretFile);
    // It is not sent unsigned: who receives it could not tell it from another's.
    if (read?.ok === false) return { kind: "failed", error: `secretFile: ${read.problem}` };
    const secrets = read?.secrets ?? [];
    const told = { mesh: MESH, sequence: event.number, event, relay: this.#state.relay };
    const payload = await payloadOf(told, { format, secrets }, nowMs);
    return this.#options.post(url, payload);
  }

  #tell(name: string, after: ReturnType<typeof settled>["after"]): void {
    const { log } = this.#options;
    const before = this.#problems.get(name);
    if (after.kind === "delivered") {
      this.#problems.delete(name);
      if (before !== undefined) log.info({ webhook: name }, "deliveries come through again");
      return;
    }
    this.#problems.set(name, after.error);
    if (after.kind === "disable") {
      this.#disabled.add(name);
      log.error({ webhook: name }, `told nothing more until the next start: ${after.reason}`);
    } else if (before !== after.error)
      log.warn({ webhook: name }, `not delivered, tried again: ${after.error}`);
  }

  #keep(state: TellerState): void {
    if (state === this.#state && !this.#isUnwritten) return;
    this.#state = state;
    try {
      writeTellerState(this.#options.stateDir, state);
      this.#isUnwritten = false;
    } catch (error) {
      if (!this.#isUnwritten)
        this.#options.log.warn(`what was told cannot be written down: ${errorText(error)}`);
      this.#isUnwritten = true;
    }
  }

  #wallMs(): number {
    return this.#options.ports.wallMs?.() ?? Date.now();
  }
}
