/** No Felix ends of what it is told of other clusters. */
import type { Validator } from "./validator.ts";

export const felixLives: Validator = {
  name: "FelixLives",
  validate: (history) => {
    for (const { atMs, it } of history)
      if (it.what === "felix ended")
        return { atMs, message: `the Felix of ${it.relay} ended: ${it.reason}` };
    return null;
  },
};
