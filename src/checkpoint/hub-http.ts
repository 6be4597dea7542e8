/** Requests to the hub: bounded redirects, a token that never leaves the hub's own host, answers as clear errors. */

import { InputError } from "../errors.js";
import type { HubSettings } from "./hub-settings.js";

/** The hub could not be reached or does not work. The caller may use the cache instead. */
export class HubUnreachable extends Error {
  override readonly name = "HubUnreachable";
}

const maxRedirects = 8;

/** Which model a request is about, for messages. */
export interface HubTarget {
  readonly id: string;
  readonly settings: HubSettings;
}

/** An address under the hub's endpoint, each part escaped. */
export function hubUrl({ settings }: HubTarget, ...parts: readonly string[]): URL {
  const base = settings.endpoint.href.replace(/\/+$/, "");
  return new URL(`${base}/${parts.map(encodeURIComponent).join("/")}`);
}

/**
 * Sends a request and follows redirects; `redirects: "until described"` stops at the one to a file's storage, whose
 * headers describe the file. The caller reads or cancels the body.
 * @throws HubUnreachable without an answer, or for 429 and 5xx; InputError for other refusals
 */
export async function requestHub(
  target: HubTarget,
  start: URL,
  {
    method,
    headers,
    redirects,
  }: { method: string; headers: Record<string, string>; redirects: "until described" | "all" },
): Promise<Response> {
  const { endpoint, token } = target.settings;
  let url = start;
  for (let hop = 0; hop <= maxRedirects; hop++) {
    const atHub = url.origin === endpoint.origin;
    const authorization: Record<string, string> =
      token !== undefined && atHub ? { authorization: `Bearer ${token}` } : {};
    const response = await send(target, url, {
      method,
      // Hashes and sizes are those of the plain bytes.
      headers: { ...headers, ...authorization, "accept-encoding": "identity", "user-agent": "bridgetower" },
    });
    if (response.status < 300 || response.status >= 400) return accepted(target, response);
    const next = redirectTarget(url, response);
    const describes = next.origin !== url.origin || response.headers.has("x-linked-etag");
    if (redirects === "until described" && describes) return response;
    await response.body?.cancel();
    url = next;
  }
  throw new HubUnreachable(`${start.href} redirects more than ${maxRedirects} times`);
}

/** @throws the signal's reason when it is aborted, also while the body is read */
async function send({ settings }: HubTarget, url: URL, init: RequestInit): Promise<Response> {
  const { signal, timeoutMs } = settings;
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(), timeoutMs);
  const signals = signal === undefined ? [silence.signal] : [silence.signal, signal];
  try {
    return await fetch(url, { ...init, redirect: "manual", signal: AbortSignal.any(signals) });
  } catch (error) {
    signal?.throwIfAborted();
    const reason = silence.signal.aborted ? `nothing for ${timeoutMs / 1000} s` : causeOf(error);
    throw new HubUnreachable(`${url.origin} does not answer (${reason})`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The body of an answer as it arrives.
 * @param what of the hub's, for errors: a file, or "its answer"
 * @throws HubUnreachable if the connection breaks, or is silent for too long; the signal's reason when it is aborted
 */
export async function* bodyOf(
  { settings: { signal, timeoutMs, endpoint } }: HubTarget,
  response: Response,
  what: string,
): AsyncGenerator<Uint8Array, void> {
  if (response.body === null) return;
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  let timer: NodeJS.Timeout | undefined;
  try {
    for (;;) {
      const silence = new Promise<never>((_, reject) => {
        const reason = new Error(`nothing for ${timeoutMs / 1000} s`);
        timer = setTimeout(() => reject(reason), timeoutMs);
      });
      const { done, value } = await Promise.race([reader.read(), silence]).catch((error: unknown) => {
        signal?.throwIfAborted();
        throw new HubUnreachable(`${endpoint.origin} broke off ${what} (${causeOf(error)})`, { cause: error });
      });
      clearTimeout(timer);
      if (done) return;
      yield value;
    }
  } finally {
    clearTimeout(timer);
    await reader.cancel().catch(() => undefined);
  }
}

/** The reason of a failed fetch, such as `ECONNREFUSED`. */
export function causeOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  if (cause instanceof Error && "code" in cause && typeof cause.code === "string") return cause.code;
  return cause instanceof Error ? cause.message : "no reason given";
}

function redirectTarget(from: URL, response: Response): URL {
  const location = response.headers.get("location") ?? "";
  const next = URL.canParse(location, from.href) ? new URL(location, from.href) : undefined;
  const downgraded = from.protocol === "https:" && next?.protocol !== "https:";
  if (next === undefined || downgraded || !/^https?:$/.test(next.protocol)) {
    throw new HubUnreachable(`${from.origin} redirects to an address that cannot be used`);
  }
  return next;
}

async function accepted(target: HubTarget, response: Response): Promise<Response> {
  // 416: the partial file is as long as the whole one or longer; the download decides.
  if (response.ok || response.status === 416) return response;
  await response.body?.cancel();
  if (response.status === 429 || response.status >= 500) {
    throw new HubUnreachable(`${target.settings.endpoint.origin} answers ${response.status}`);
  }
  throw refusal(target, response);
}

function refusal({ id, settings }: HubTarget, { status, headers }: Response): InputError {
  const code = headers.get("x-error-code") ?? "";
  const host = settings.endpoint.origin;
  if (code === "GatedRepo" || status === 403) {
    const hint = `Accept its terms at ${host}/${id} and set HF_TOKEN to a token of that account`;
    return new InputError({
      code: "access-denied",
      where: id,
      expected: "a model that this account may read",
      found: `a gated model (${status})`,
      hint,
    });
  }
  if (code === "RevisionNotFound") {
    const found = `no revision ${settings.revision} at ${host} (${status})`;
    return new InputError({
      code: "model-not-found",
      where: id,
      expected: "a branch, tag or commit of the model",
      found,
      hint: "Check revision",
    });
  }
  const found = `no folder of that name, and none that ${host} shows us (${status})`;
  const access = settings.token === undefined ? "set HF_TOKEN if it is private" : "check that HF_TOKEN may read it";
  return new InputError({
    code: "model-not-found",
    where: id,
    expected: "a model folder, or a model on the hub",
    found,
    hint: `Check the spelling, and ${access}`,
  });
}
