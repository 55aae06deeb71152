/**
 * A scope in one short line for people: in the audit, in refusals, in tables. What is long is cut,
 * and says so.
 */
import type { Scope } from "./scope.ts";

/** Of one list, or of the selector. */
const LONGEST = 120;

/**
 * As `namespaces shop,pay; selector role == "db"; labels role`; `all` for a grant without a scope.
 */
export function describeScope(scope: Scope | null): string {
  if (scope === null) return "all";
  const { kinds, namespaces, selector, labels } = scope;
  const parts = [
    ...(kinds === undefined ? [] : [`kinds ${shortList(kinds)}`]),
    ...(namespaces === undefined ? [] : [`namespaces ${shortList(namespaces)}`]),
    ...(selector === undefined ? [] : [`selector ${shortText(selector)}`]),
    ...(labels === undefined ? [] : [`labels ${shortList(labels)}`]),
  ];
  return parts.join("; ");
}

function shortList(items: readonly string[]): string {
  let text = shortText(items[0] ?? "");
  for (const [i, item] of items.entries()) {
    if (i === 0) continue;
    if (text.length + 1 + item.length > LONGEST) return `${text} and ${items.length - i} more`;
    text += `,${item}`;
  }
  return text;
}

/** A selector's values are any text: a control character must not reach a terminal or a log. */
function shortText(text: string): string {
  const shown = text.replaceAll(/\p{Cc}/gu, "?");
  if (shown.length <= LONGEST) return shown;
  return `${shown.slice(0, LONGEST - 1).replace(/[\uD800-\uDBFF]$/, "")}…`;
}
