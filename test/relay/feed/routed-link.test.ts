/** [FEE6] A relay's connections follow its route, and their owners hear that nothing is wrong. */
import { expect, test } from "vitest";

import type { Route } from "../../../relay/feed/choice.ts";
import { RoutedLink } from "../../../relay/feed/routed-link.ts";
import type { LinkHandlers } from "../../../relay/hub/link.ts";
import type { Link } from "../../../relay/hub/relay-ports.ts";

test("[FEE6] a connection that changes its way ends as rerouted, and goes on over the new one", () => {
  const told: unknown[] = [];
  let route: Route = { kind: "hub" };
  const dialled: string[] = [];
  const inner = (to: string, handlers: LinkHandlers): Link => {
    dialled.push(to);
    return {
      isOpen: true,
      start: () => handlers.onOpen(),
      stop: () => undefined,
      restart: () => undefined,
      send: () => undefined,
    };
  };
  const nothing = (): void => undefined;
  const link = new RoutedLink(
    {
      url: "wss://hub.example/v1/connect/home",
      headers: () => Promise.resolve({}),
      heartbeatMs: 1_000,
      handlers: {
        onOpen: () => told.push("open"),
        onMessage: nothing,
        onDown: (reason) => told.push(reason),
      },
    },
    {
      dialHub: ({ handlers }) => inner("hub", handlers),
      dialFeeder: (address, _target, handlers) => inner(address, handlers),
      route: () => route,
      onStart: nothing,
      onStop: nothing,
      onOpen: nothing,
      onDown: nothing,
      onMessage: nothing,
      onSend: nothing,
    },
  );
  link.start();
  route = { kind: "feeder", address: "10.0.0.7:9190" };
  link.follow();
  expect(told).toEqual(["open", "rerouted", "open"]);
  expect(dialled).toEqual(["hub", "10.0.0.7:9190"]);
});
