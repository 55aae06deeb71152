/**
 * State that all objects of one process share: its thread, its disk, its memory and its sockets
 * are one. workerd gives the objects of a process nothing in common but module scope, so this
 * module owns the one instance, and no other module has state. The Worker and `OriginObject` read
 * it at their edge and pass its parts on. On Cloudflare each object has a process of its own.
 */
import { OlderKeys } from "./access/older-keys.ts";
import { UsedTokens } from "./access/used-tokens.ts";
import { DiskBudget } from "./budgets/disk-budget.ts";
import { MemberDials } from "./budgets/member-dials.ts";
import { MemberWork } from "./budgets/member-work.ts";
import { OpenSockets } from "./budgets/open-sockets.ts";
import { ReaderMemory } from "./budgets/reader-memory.ts";
import { RequestRates } from "./budgets/request-rates.ts";
import { collectorOf, UnseenGarbage } from "./budgets/unseen-garbage.ts";

export class HubProcess {
  readonly sockets = new OpenSockets();
  readonly disk = new DiskBudget();
  readonly readerMemory = new ReaderMemory();
  readonly memberWork = new MemberWork();
  readonly dials = new MemberDials();
  readonly tokens = new UsedTokens();
  readonly olderKeys = new OlderKeys();
  readonly requests = new RequestRates();
  readonly garbage = new UnseenGarbage(collectorOf(globalThis));
}

export const hubProcess = new HubProcess();
