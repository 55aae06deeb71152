/**
 * No Felix is given a pool with VXLAN while no pool of its own has it: that changes a flag which it
 * compares with its own datastore, and it ends, at each start again.
 */
import type { Validator } from "./validator.ts";

export const noFlagFlip: Validator = {
  name: "NoFlagFlip",
  validate: (history) => {
    for (const { atMs, it } of history) {
      if (it.what !== "pools" || it.hasVxlan) continue;
      const [flip] = [...it.modes].find(([, mode]) => mode === "vxlan") ?? [];
      if (flip !== undefined)
        return {
          atMs,
          message: `${it.relay} gives Felix ${flip} with VXLAN, which no pool of it has`,
        };
    }
    return null;
  },
};
