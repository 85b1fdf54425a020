/** A state that is not reached by then never will be. */
const GUARD_MS = 30_000;
const POLL_MS = 5;

/**
 * Waits until `condition` holds, asking again and again.
 * @throws Error naming `what` after 30 s.
 */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
): Promise<void> {
  const endMs = performance.now() + GUARD_MS;
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error(`waited ${GUARD_MS / 1000} s for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
