/** The code of a system error such as `ENOSPC`, also of one that an error names as its cause; undefined for others. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ("code" in error && "syscall" in error && typeof error.code === "string") return error.code;
  return systemCode(error.cause);
}
