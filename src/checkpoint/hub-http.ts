/**
 * Requests to the hub. Redirects are followed, transient failures are retried, and a token that the hub refuses is left out. The token is
 * sent only to the hub's own host.
 */

import { setTimeout as delay } from "node:timers/promises";

import { InputError } from "../errors.js";
import { HubFailure, networkFailure, Timeout, statusFailure, unreachable } from "./hub-failures.js";
import { Connections, type HubResponse } from "./hub-proxy.js";
import type { Environment, HubOptions, HubSettings } from "./hub-settings.js";

const maxRedirects = 8;
const maxTries = 6;
/** Fewer, because each try takes the whole time limit. */
const maxTriesAfterTimeouts = 3;
/** Pauses between tries double from the first to the longest. */
const firstPauseMs = 1000;
const longestPauseMs = 8000;
/** The hub counts requests in windows of five minutes. A longer pause is left to the user. */
const longestRequestedPauseMs = 300_000;

/** What differs between a process and a test. */
export interface HubSystem {
  readonly environment: Environment;
  /** Resolves after a time, rejects with the signal's reason when it is aborted. */
  readonly pause: (ms: number, signal: AbortSignal | undefined) => Promise<void>;
  /** Free bytes for this user on the disk of a folder; undefined if unknown. */
  readonly freeBytes: (folder: string) => Promise<number | undefined>;
}

export interface HubRequestOptions {
  readonly method: "GET" | "HEAD";
  readonly headers?: Record<string, string>;
  /** The file that is requested, for errors. */
  readonly file?: string;
  /** Whether the answer stops at a redirect that describes a file (etag and size). Default false: all are followed. */
  readonly untilDescribed?: boolean;
}

/** A model on the hub, with the state of the requests of one call. */
export class HubClient {
  private readonly connections: Connections;
  /** The status with which the hub refused the token: further requests are sent without it. */
  private tokenRefused: number | undefined;
  private hasWarnedOfToken = false;
  /** Whether the hub has answered. */
  private reached = false;

  constructor(
    readonly id: string,
    readonly settings: HubSettings,
    readonly system: HubSystem,
    private readonly options: Pick<HubOptions, "onWarning" | "onDownload">,
  ) {
    this.connections = new Connections(system.environment);
  }

  /** An address under the hub's endpoint, each part escaped. */
  url(...parts: readonly string[]): URL {
    const base = this.settings.endpoint.href.replace(/\/+$/, "");
    return new URL(`${base}/${parts.map(encodeURIComponent).join("/")}`);
  }

  readonly warn = (message: string): void => this.options.onWarning?.(`${this.id}: ${message}`);

  readonly report: NonNullable<HubOptions["onDownload"]> = (event) => this.options.onDownload?.(event);

  close(): Promise<void> {
    return this.connections.close();
  }

  /**
   * Calls `attempt` until it succeeds. Failures that may pass are tried again after a pause, or after the one that the hub asks for.
   * @param hasProgressed whether the last attempt has brought bytes: then the tries are counted from the start
   */
  async retry<T>(
    file: string | undefined,
    attempt: () => Promise<T>,
    hasProgressed: () => boolean = () => false,
  ): Promise<T> {
    const { signal } = this.settings;
    for (let tries = 1; ; tries++) {
      signal?.throwIfAborted();
      try {
        return await attempt();
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof HubFailure)) throw error;
        if (hasProgressed()) tries = 0;
        const pauseMs = error.retryAfterMs ?? Math.min(firstPauseMs * 2 ** Math.max(0, tries - 1), longestPauseMs);
        if (tries >= this.triesOf(error) || pauseMs > longestRequestedPauseMs) throw error;
        const message = `${error.message}; tries again in ${Math.ceil(pauseMs / 1000)} s`;
        this.report({ status: "retry", name: this.id, file: file ?? "", progress: 0, loaded: 0, total: 0, message });
        await this.system.pause(pauseMs, signal);
      }
    }
  }

  private triesOf({ kind }: HubFailure): number {
    if (kind === "permanent") return 1;
    if (kind === "timeout") return maxTriesAfterTimeouts;
    return kind === "transient" || this.reached ? maxTries : 1;
  }

  /**
   * Sends a request once and follows redirects. The caller reads or cancels the body.
   * @param timeoutMs time without an answer after which the connection counts as broken
   * @throws HubFailure without the answer that was requested
   */
  async request(start: URL, options: HubRequestOptions, timeoutMs = this.settings.timeoutMs): Promise<HubResponse> {
    const { url, response } = await this.follow(start, options, timeoutMs);
    const { status, headers } = response;
    // 416: the partial file is as long as the whole one or longer; the download decides.
    if (status < 400 || status === 416) {
      this.warnOfToken(url);
      return response;
    }
    await response.body?.cancel();
    if ((status === 401 || status === 403) && this.sendsToken(url) && headers.get("x-error-code") !== "GatedRepo") {
      this.tokenRefused = status;
      return this.request(start, options, timeoutMs);
    }
    const { id, settings, tokenRefused } = this;
    throw statusFailure({ id, settings, url, status, headers, file: options.file, tokenRefused });
  }

  private sendsToken(url: URL): boolean {
    const { token, endpoint } = this.settings;
    return token !== undefined && url.origin === endpoint.origin && this.tokenRefused === undefined;
  }

  /** Once, when the hub has given without a token what it refused with it. */
  private warnOfToken({ origin }: URL): void {
    if (this.tokenRefused === undefined || this.hasWarnedOfToken) return;
    this.hasWarnedOfToken = true;
    const { tokenSource } = this.settings;
    this.warn(`the token of ${tokenSource} is refused by ${origin} (${this.tokenRefused}); continues without it`);
  }

  private async follow(
    start: URL,
    { method, headers = {}, untilDescribed = false }: HubRequestOptions,
    timeoutMs: number,
  ): Promise<{ url: URL; response: HubResponse }> {
    let url = start;
    for (let hop = 0; hop <= maxRedirects; hop++) {
      const authorization: Record<string, string> = this.sendsToken(url)
        ? { authorization: `Bearer ${this.settings.token}` }
        : {};
      const response = await this.send(url, timeoutMs, {
        method,
        // Hashes and sizes are those of the plain bytes.
        headers: { ...headers, ...authorization, "accept-encoding": "identity", "user-agent": "bridgetower" },
      });
      this.reached = true;
      const { status } = response;
      const isDescription =
        untilDescribed && response.headers.has("x-linked-etag") && response.headers.has("x-linked-size");
      if (status < 300 || status >= 400 || isDescription) return { url, response };
      await response.body?.cancel();
      url = redirectTarget(url, response);
    }
    throw unreachable(`${start.href} redirects more than ${maxRedirects} times`, "Check HF_ENDPOINT");
  }

  /** @throws the signal's reason when it is aborted, also while the body is read */
  private async send(
    url: URL,
    timeoutMs: number,
    init: { method: string; headers: Record<string, string> },
  ): Promise<HubResponse> {
    const { signal } = this.settings;
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(), timeoutMs);
    const signals = signal === undefined ? [timeout.signal] : [timeout.signal, signal];
    try {
      return await this.connections.send(url, { ...init, signal: AbortSignal.any(signals) });
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof InputError) throw error;
      const cause = timeout.signal.aborted ? new Timeout(timeoutMs) : error;
      throw networkFailure(`${url.origin} does not answer`, url, cause, this.connections.proxyOf(url));
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * The body of an answer as it arrives.
   * @param what of the hub's, for errors: a file, or "its answer"
   * @throws HubFailure if the connection breaks, or is silent for too long; the signal's reason when it is aborted
   */
  async *body(response: HubResponse, what: string): AsyncGenerator<Uint8Array, void> {
    if (response.body === null) return;
    const { signal, timeoutMs, endpoint } = this.settings;
    const reader = response.body.getReader();
    let timer: NodeJS.Timeout | undefined;
    try {
      for (;;) {
        const timeout = new Promise<never>((_, reject) => {
          timer = setTimeout(() => reject(new Timeout(timeoutMs)), timeoutMs);
        });
        const { done, value } = await Promise.race([reader.read(), timeout]).catch((error: unknown) => {
          signal?.throwIfAborted();
          const proxy = this.connections.proxyOf(endpoint);
          throw networkFailure(`${endpoint.origin} broke off ${what}`, endpoint, error, proxy);
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
}

/** A pause that ends at once when the signal is aborted. */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await delay(ms, undefined, { signal }).catch((error: unknown) => {
    signal?.throwIfAborted();
    throw error;
  });
}

function redirectTarget(from: URL, response: HubResponse): URL {
  const location = response.headers.get("location") ?? "";
  const next = URL.canParse(location, from.href) ? new URL(location, from.href) : undefined;
  const downgraded = from.protocol === "https:" && next?.protocol !== "https:";
  if (next === undefined || downgraded || !/^https?:$/.test(next.protocol)) {
    throw unreachable(`${from.origin} redirects to an address that cannot be used`, "Check HF_ENDPOINT");
  }
  return next;
}
