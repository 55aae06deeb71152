/**
 * A link that goes where its relay's route goes: its inner link is one to the hub, or a stream of a
 * feeder. Its owner sees a connection that ends and comes back. [FEE6]
 */
import type { LinkHandlers, LinkOptions } from "../hub/link.ts";
import type { Link } from "../hub/relay-ports.ts";
import type { Message } from "../../shared/protocol/messages.ts";
import { errorText } from "../../shared/lib/error-text.ts";
import type { Route } from "./choice.ts";

export interface RoutedLinkPorts {
  dialHub(options: LinkOptions): Link;
  /** `null`: there is no connection to it any more; another route follows. */
  dialFeeder(address: string, target: string, handlers: LinkHandlers): Link | null;
  route(): Route;
  onStart(): void;
  onStop(): void;
  /** After the owner has heard it. */
  onOpen(): void;
  onDown(): void;
  onMessage(message: Message): void;
  onSend(message: Message): void;
}

export class RoutedLink implements Link {
  /** `home`, or the UID of an origin. */
  readonly target: string;
  readonly #options: LinkOptions;
  readonly #ports: RoutedLinkPorts;
  #inner: Link | null = null;
  #isStarted = false;

  constructor(options: LinkOptions, ports: RoutedLinkPorts) {
    this.#options = options;
    this.#ports = ports;
    this.target = new URL(options.url).pathname.split("/").at(-1) ?? "";
  }

  get isOpen(): boolean {
    return this.#inner?.isOpen ?? false;
  }

  start(): void {
    this.#isStarted = true;
    this.#ports.onStart();
    this.#dial();
  }

  stop(): void {
    this.#isStarted = false;
    this.#leave();
    this.#ports.onStop();
  }

  restart(message: string): void {
    this.#inner?.restart(message);
  }

  send(message: Message): void {
    this.#ports.onSend(message);
    this.#inner?.send(message);
  }

  /** Something that came beside the link. */
  deliver(message: Message): void {
    if (!this.#isStarted) return;
    try {
      this.#options.handlers.onMessage(message, 0);
    } catch (error) {
      this.restart(errorText(error));
    }
  }

  /** The route is another one. */
  follow(): void {
    if (!this.#isStarted) return;
    const wasOpen = this.isOpen;
    this.#leave();
    if (wasOpen) {
      this.#options.handlers.onDown("rerouted", MOVED);
      this.#ports.onDown();
    }
    // A handler may have stopped it.
    if (this.#isStarted) this.#dial();
  }

  #leave(): void {
    const inner = this.#inner;
    this.#inner = null;
    inner?.stop();
  }

  #dial(): void {
    const route = this.#ports.route();
    if (route.kind === "none") return;
    const { handlers } = this.#options;
    const heard: LinkHandlers = {
      onOpen: () => {
        handlers.onOpen();
        this.#ports.onOpen();
      },
      onMessage: (message, bytes) => {
        handlers.onMessage(message, bytes);
        this.#ports.onMessage(message);
      },
      onDown: (reason, message) => {
        this.#ports.onDown();
        handlers.onDown(reason, message);
      },
    };
    this.#inner =
      route.kind === "hub"
        ? this.#ports.dialHub({ ...this.#options, handlers: heard })
        : this.#ports.dialFeeder(route.address, this.target, heard);
    this.#inner?.start();
  }
}

const MOVED = "it goes on over another connection";
