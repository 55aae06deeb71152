/** The hub's messages by the socket that they belong to: another one's break the protocol. */
import type { HomeMessage, Message, WatchMessage } from "../../shared/protocol/messages.ts";

const HOME: Readonly<Record<HomeMessage["type"], true>> = {
  "home-welcome": true,
  difference: true,
  accepted: true,
  access: true,
  heads: true,
};

const WATCH: Readonly<Record<WatchMessage["type"], true>> = {
  "watch-welcome": true,
  resume: true,
  "repair-needed": true,
  "repair-plan": true,
  blob: true,
  frame: true,
  "catch-up": true,
  mark: true,
  heads: true,
  checkpoint: true,
};

export function isHomeMessage(message: Message): message is HomeMessage {
  return message.type in HOME;
}

export function isWatchMessage(message: Message): message is WatchMessage {
  return message.type in WATCH;
}
