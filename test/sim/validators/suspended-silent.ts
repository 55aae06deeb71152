/**
 * Once every Origin has answered that it knows of a suspension, nothing of the cluster's log is
 * sent to another, and nothing of others' to it, until it is resumed.
 */
import type { Validator } from "./validator.ts";

const CONTENT = new Set(["blob", "frame", "catch-up", "checkpoint", "repair-plan"]);

export const suspendedSilent: Validator = {
  name: "SuspendedSilent",
  validate: (history) => {
    const suspended = new Set<string>();
    for (const { atMs, it } of history) {
      // A hub that was restored permits what it permitted then.
      if (it.what === "restored") suspended.clear();
      if (it.what === "suspended")
        if (it.isSuspended) suspended.add(it.uid);
        else suspended.delete(it.uid);
      if (it.what !== "sent" || it.role === "home" || it.to === it.origin) continue;
      if (!CONTENT.has(it.message.type)) continue;
      const who = [it.origin, it.to].find((uid) => suspended.has(uid));
      if (who !== undefined)
        return {
          atMs,
          message: `Origin ${it.origin} sent a ${it.message.type} to ${it.to}, and ${who} is suspended`,
        };
    }
    return null;
  },
};
