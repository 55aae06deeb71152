/** What an object gives, with all that is made of it: the record's bytes and hashes. */
import type { EncodedRecord, EncodeResult } from "../../shared/record/encoding.ts";
import type { CalicoRecord } from "../../shared/record/record.ts";
import type { Conversion } from "./convert/conversion.ts";

export interface EncodedConversion {
  /** `null`: there is nothing to publish, or it is lost to a problem. */
  readonly encoded: EncodedRecord | null;
  /** Each names the field and the rule. */
  readonly problems: readonly string[];
}

/** @param noun What is not published, in words. */
export function encodeConversion(
  { record, problems }: Conversion,
  encode: (record: CalicoRecord) => EncodeResult,
  noun: string,
): EncodedConversion {
  if (record === null) return { encoded: null, problems };
  const result = encode(record);
  if (result.kind === "ok") return { encoded: result.encoded, problems };
  const { field, rule } = result.problem;
  return {
    encoded: null,
    problems: [...problems, `${field}: ${rule}; the ${noun} is not published`],
  };
}
