/** No event of the product ends in an exception but a full disk's. */
import type { Validator } from "./validator.ts";

export const neverThrows: Validator = {
  name: "NeverThrows",
  validate: (history) => {
    for (const { atMs, it } of history)
      if (it.what === "thrown") return { atMs, message: `${it.where}: ${it.error}` };
    return null;
  },
};
