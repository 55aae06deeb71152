/** All planted bugs. Each is found by one of the validators that it names. */
import type { Mutant } from "./mutant.ts";
import { OF_RELAYS } from "./of-relays.ts";
import { OF_ROUTES } from "./of-routes.ts";
import { OF_SERVICES } from "./of-services.ts";
import { OF_THE_HUB } from "./of-the-hub.ts";
import { OF_WATCHING } from "./of-watching.ts";

export const MUTANTS: readonly Mutant[] = [
  ...OF_THE_HUB,
  ...OF_RELAYS,
  ...OF_ROUTES,
  ...OF_SERVICES,
  ...OF_WATCHING,
];
