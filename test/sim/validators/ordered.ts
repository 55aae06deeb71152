/**
 * On a connection every message of a log follows the one before it, blobs come only after a plan
 * that announces them and before the tail, a digest is of where the reader is; and to Felix no key
 * ever goes back to an older state, unless the hub itself was put back.
 */
import type { Message } from "../../../shared/protocol/messages.ts";
import type { Moment, SourceState } from "../history.ts";
import { isStateOf, shownHash, Truth } from "./truth.ts";
import type { Validator, Violation } from "./validator.ts";

interface Position {
  revision: number;
  blobsLeft: number;
  /**
   * The Origin has started anew and goes on from what was acknowledged: what follows may begin
   * earlier.
   */
  isLoose: boolean;
}

/** Why a message does not follow, or `null`; moves the position. */
function follow(position: Position | undefined, message: Message): string | null {
  if (position === undefined) return "comes before any position";
  const isTail = message.type === "frame" || message.type === "catch-up";
  if (message.type === "blob")
    return position.blobsLeft-- > 0 ? null : "was not announced by a plan";
  if (position.blobsLeft > 0) return "comes before the blobs that were announced";
  if (isTail) {
    const after = message.type === "frame" ? message.revision - 1 : message.after;
    const follows = position.isLoose ? after <= position.revision : after === position.revision;
    if (!follows || message.revision <= after)
      return `follows ${after}, the reader is at ${position.revision}`;
    position.revision = message.revision;
    position.isLoose = false;
    return null;
  }
  if (message.type === "checkpoint" && !position.isLoose && message.revision !== position.revision)
    return `is of ${message.revision}, the reader is at ${position.revision}`;
  return null;
}

function onConnections(history: readonly Moment[]): Violation | null {
  const sockets = new Map<string, Map<string, Position>>();
  for (const { atMs, it } of history) {
    if (it.what === "instance")
      for (const [id, channels] of sockets)
        if (id.startsWith(`${it.origin} `))
          for (const position of channels.values()) position.isLoose = true;
    if (it.what !== "sent" || it.role !== "watch" || !("channel" in it.message)) continue;
    const { message } = it;
    const id = `${it.origin} ${it.socket}`;
    const channels = sockets.get(id) ?? new Map<string, Position>();
    sockets.set(id, channels);
    if (message.type === "repair-needed") channels.delete(message.channel);
    else if (message.type === "resume" || message.type === "repair-plan")
      channels.set(message.channel, {
        revision: message.after,
        blobsLeft: message.type === "repair-plan" ? message.blobs : 0,
        isLoose: false,
      });
    else {
      const wrong = follow(channels.get(message.channel), message);
      if (wrong !== null)
        return { atMs, message: `${message.type} of ${message.channel} on ${id} ${wrong}` };
    }
  }
  return null;
}

function atFelix(history: readonly Moment[]): Violation | null {
  const truth = new Truth();
  /** Oldest index in the source's states that what was told can be, by relay and key. */
  const told = new Map<
    string,
    {
      readonly index: number;
      readonly atMs: number;
      readonly uid: string;
      readonly origin: string;
      readonly hash: string | null;
      readonly isOfServices: boolean;
    }
  >();
  /**
   * The log that a connection's relay stands in, by origin, socket and channel: as its hello says,
   * then as it was repaired.
   */
  const logs = new Map<string, string>();
  /**
   * The last repair since the hub was put back, by origin and reader: before it a relay may have
   * told what is not in the log any more.
   */
  const planned = new Map<string, number>();
  for (const moment of history) {
    truth.take(moment);
    const { atMs, it } = moment;
    if (it.what === "received" && it.message.type === "watch-hello")
      for (const { channel, epoch } of it.message.cursors)
        logs.set(`${it.origin} ${it.socket} ${channel}`, epoch);
    if (it.what === "sent" && it.message.type === "repair-plan") {
      if (truth.storage(it.origin).brokenMs > 0) planned.set(`${it.origin} ${it.to}`, atMs);
      // What was gone may be shown by the older blobs of another log, as at first contact; what is
      // held goes back for no log.
      const { channel, epoch } = it.message;
      const isOther = logs.get(`${it.origin} ${it.socket} ${channel}`) !== epoch;
      logs.set(`${it.origin} ${it.socket} ${channel}`, epoch);
      for (const [id, { uid, origin, hash }] of told)
        if (isOther && hash === null && uid === it.to && origin === it.origin) told.delete(id);
    }
    // What nobody asks for is not brought up to date, and is shown as it was to who asks next,
    // until its publisher has compared it. [SVC1]
    if (it.what === "edges")
      for (const [id, { origin, isOfServices }] of told)
        if (isOfServices && !truth.isAsked(origin)) told.delete(id);
    if (it.what === "relay")
      for (const id of told.keys()) if (id.startsWith(`${it.relay} `)) told.delete(id);
    // What is granted anew begins anew: a first contact shows what its blobs have, and then what
    // came since. [VIE17]
    if (it.what === "heard")
      for (const [id, { origin }] of told)
        if (id.startsWith(`${it.relay} `) && it.granted.get(rccOf(id)) !== origin) told.delete(id);
    if (it.what !== "told") continue;
    const id = `${it.relay} ${it.key}`;
    const [rcc = "", key = ""] = it.key.split(" ");
    const states = truth.states(it.origin, key);
    const before = told.get(id);
    const isOfServices = it.served.isOfServices === true;
    const who = { atMs, uid: it.uid, origin: it.origin, isOfServices };
    if (it.op === "delete") {
      const wasAt = before?.origin === it.origin ? before.index : states.length;
      const scopes = [...(truth.everScopes.get(`${it.uid} ${it.origin}`) ?? [])];
      const goneAt = states.findIndex(({ value }, at) => at > wasAt && isGone(value, scopes));
      // What was withdrawn may come back from an older blob: Felix has no newer state of it. What
      // went at its source may not, if anybody can know.
      const isGranted = truth.heard.get(it.relay)?.get(rcc) === it.origin;
      const isKnown = before === undefined || !truth.isAdmitted(it.origin, key, before.hash);
      if (!isGranted || !isKnown || goneAt < 0) told.delete(id);
      else told.set(id, { ...who, index: goneAt, hash: null });
      continue;
    }
    if (it.origin === "") continue;
    const { hash } = it.served;
    // The same under other labels: it says nothing new of the state.
    if (before?.origin === it.origin && before.hash === hash) continue;
    const isIt = ({ value }: (typeof states)[number]): boolean => isStateOf(value, hash);
    const { brokenMs } = truth.storage(it.origin);
    const repairedMs = planned.get(`${it.origin} ${it.uid}`) ?? 0;
    const changedMs = Math.max(repairedMs, brokenMs);
    const isSame = before?.origin === it.origin && changedMs < before.atMs;
    if (isSame && states.findLastIndex(isIt) < before.index)
      return {
        atMs,
        message: `${it.relay} went back to an older state of ${it.key} of ${it.origin}`,
      };
    const index = states.findIndex(isIt);
    told.set(id, { ...who, index, hash });
  }
  return null;
}

/** From its source, or from what some of these scopes show. */
function isGone(state: SourceState | null, scopes: readonly string[]): boolean {
  return state?.isOwn !== true || scopes.some((scope) => shownHash(state, scope) === null);
}

/** `relay rcc key` */
function rccOf(id: string): string {
  return id.split(" ")[1] ?? "";
}

export const ordered: Validator = {
  name: "Ordered",
  validate: (history) => onConnections(history) ?? atFelix(history),
};
