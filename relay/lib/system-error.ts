/** Whether an error is the system's with this code, as `ENOENT`: `catch` gives no type. */
export function isSystemError(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
