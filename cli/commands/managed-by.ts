/** `--managed-by`: whose an RCC or grant is, the API's or its cluster's. [CRD5] */
import { Option } from "commander";

import { MANAGERS } from "../../shared/visibility/managed-by.ts";
import type { ManagedBy } from "../../shared/visibility/managed-by.ts";

export interface ManagedByFlag {
  readonly managedBy?: ManagedBy;
}

export function managedByOption(description: string): Option {
  return new Option("--managed-by <owner>", description).choices(MANAGERS);
}
