/** The message of whatever was thrown: `catch` gives no type. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
