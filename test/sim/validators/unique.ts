/**
 * Felix is told each change once: nothing as new that it has, no change or deletion of what it has
 * not, no change that changes nothing.
 */
import type { Served } from "../history.ts";
import type { Validator } from "./validator.ts";

export const unique: Validator = {
  name: "Unique",
  validate: (history) => {
    const told = new Map<string, Map<string, string>>();
    for (const { atMs, it } of history) {
      if (it.what === "relay") told.set(it.relay, new Map());
      if (it.what !== "told") continue;
      const has = told.get(it.relay)?.get(it.key);
      const wrong =
        it.op === "delete"
          ? has === undefined && "deleted, and is not there"
          : it.isNew
            ? has !== undefined && "told as new, and is there"
            : has === undefined
              ? "told as changed, and is not there"
              : has === stateOf(it.served) && "told as changed, and is the same";
      if (wrong !== false) return { atMs, message: `${it.relay}: ${it.key} is ${wrong}` };
      if (it.op === "delete") told.get(it.relay)?.delete(it.key);
      else told.get(it.relay)?.set(it.key, stateOf(it.served));
    }
    return null;
  },
};

/** With other labels it is another record to rules. */
function stateOf({ hash, isPrefixed }: Served): string {
  return isPrefixed === true ? `${hash} prefixed` : hash;
}
