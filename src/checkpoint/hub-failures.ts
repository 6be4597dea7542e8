/** Failed requests to the hub: the cause of each, and a hint for the user. */

import { InputError, type InputProblem } from "../errors.js";
import type { Proxy } from "./hub-proxy.js";
import type { HubSettings } from "./hub-settings.js";

/**
 * `permanent`: the next request would fail too. `transient`: retried after a pause. `timeout`: retried fewer times, because each try takes
 * long. `connection`: retried only if the hub has answered before, because then the connection was interrupted.
 */
type FailureKind = "permanent" | "transient" | "timeout" | "connection";

interface FailureOptions {
  readonly kind?: FailureKind;
  /** The pause that the hub asks for. */
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** A request to the hub failed. A copy in the cache can be used instead. */
export class HubFailure extends Error {
  override readonly name = "HubFailure";
  readonly kind: FailureKind;
  readonly retryAfterMs: number | undefined;

  constructor(
    readonly problem: Omit<InputProblem, "where">,
    { kind = "permanent", retryAfterMs, cause }: FailureOptions = {},
  ) {
    super(problem.found, { cause });
    this.kind = kind;
    this.retryAfterMs = retryAfterMs;
  }

  /** @param where the model or file */
  toInputError(where: string): InputError {
    return new InputError({ where, ...this.problem }, { cause: this.cause ?? this });
  }
}

export const unreachable = (found: string, hint: string, options: FailureOptions = {}): HubFailure =>
  new HubFailure({ code: "hub-unreachable", expected: "an answer from the hub", found, hint }, options);

/** No bytes came within the time limit. */
export class Timeout extends Error {
  constructor(readonly ms: number) {
    super(`nothing for ${ms / 1000} s`);
  }
}

const continues = "a download continues where it stopped";
const certificateCodes = new Set([
  "CERT_UNTRUSTED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);
const certificateDates = new Set(["CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID"]);
const unroutable = new Set(["ENETUNREACH", "EHOSTUNREACH", "ENETDOWN", "EADDRNOTAVAIL"]);
const timeouts = new Set(["ETIMEDOUT", "UND_ERR_CONNECT_TIMEOUT", "UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT"]);
const resets = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED", "UND_ERR_SOCKET"]);

/**
 * The failure of a request without an answer.
 * @param what happened, such as `http://127.0.0.1:80 does not answer`
 */
export function networkFailure(what: string, url: URL, error: unknown, proxy: Proxy | undefined): HubFailure {
  const cause = rootCause(error);
  const code = cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : "";
  const reason = cause instanceof Error ? cause.message : String(cause);
  const failure = (hint: string, kind: FailureKind = "permanent", detail = code === "" ? reason : code) => {
    const via = proxy === undefined ? "" : `, through ${proxy.name}`;
    return unreachable(`${what} (${detail})${via}`, hint, { kind, cause: error });
  };

  const refused = /Proxy response \((\d+)\)|Proxy Authentication Required \((407)\)/.exec(reason);
  if (proxy !== undefined && refused !== null) return proxyFailure(proxy, url, Number(refused[1] ?? refused[2]), error);
  if (certificateCodes.has(code))
    return failure(`The certificate is of an authority that Node does not know. ${trustHint()}`);
  if (certificateDates.has(code)) return failure("Check the clock of this machine, and the certificate of the host");
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return failure(
      `The certificate is that of another host. Check ${proxy === undefined ? "HF_ENDPOINT" : proxy.variable}`,
    );
  }
  if (code === "EPROTO" || code.startsWith("ERR_SSL_") || code.startsWith("ERR_TLS_")) {
    return failure(
      `The host does not speak TLS on this port. Check the scheme and port of ${proxy?.variable ?? "HF_ENDPOINT"}`,
    );
  }
  if (cause instanceof Timeout || timeouts.has(code)) {
    const hint = `Try again: ${continues}. ${routeHint(proxy)}, or set HF_HUB_DOWNLOAD_TIMEOUT to more seconds`;
    return failure(hint, "timeout", cause instanceof Timeout ? cause.message : code);
  }
  const host = proxy === undefined ? url.hostname : new URL(proxy.url).hostname;
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") {
    const check =
      proxy === undefined ? `Check the network and HF_ENDPOINT. ${routeHint(proxy)}` : `Check ${proxy.variable}`;
    return failure(`The name ${host} has no address here. ${check}`, code === "EAI_AGAIN" ? "transient" : "connection");
  }
  if (code === "ECONNREFUSED") {
    const check =
      proxy === undefined ? `Check HF_ENDPOINT and firewalls. ${routeHint(proxy)}` : `Check ${proxy.variable}`;
    return failure(`No server accepts connections there. ${check}`, "connection");
  }
  if (unroutable.has(code))
    return failure(`This machine has no route to the host. Check the network. ${routeHint(proxy)}`, "connection");
  const hint = `Try again: ${continues}. ${routeHint(proxy)}`;
  return failure(hint, resets.has(code) ? "transient" : "connection");
}

/** The failure of a proxy to connect to the hub. */
function proxyFailure(proxy: Proxy, url: URL, status: number, cause?: unknown): HubFailure {
  const hint =
    status === 407
      ? `Give user and password in ${proxy.variable}, as in http://user:password@host:port`
      : `Ask for access to ${url.host}, or name the host in NO_PROXY if it needs no proxy`;
  const kind = status >= 500 ? "timeout" : "permanent";
  return unreachable(`${proxy.name} answers ${status} for ${url.host}`, hint, { kind, cause });
}

/** How to make Node trust a certificate, on the command line of this Node. */
function trustHint(): string {
  const bundle = ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE"].find((name) => process.env[name]);
  const file = bundle === undefined ? "the PEM file of that authority" : `the file of ${bundle}`;
  const system = process.allowedNodeEnvironmentFlags.has("--use-system-ca")
    ? ", or NODE_OPTIONS=--use-system-ca if the system trusts it"
    : "";
  return `Set NODE_EXTRA_CA_CERTS to ${file}${system}`;
}

const routeHint = (proxy: Proxy | undefined): string =>
  proxy === undefined ? "Behind a proxy, set HTTPS_PROXY" : `Check ${proxy.variable} and NO_PROXY`;

/** The innermost cause: `fetch` wraps the error of the socket. Several addresses give several errors, of which the first counts. */
function rootCause(error: unknown): unknown {
  let cause = error;
  for (let depth = 0; depth < 8 && cause instanceof Error; depth++) {
    if (cause instanceof AggregateError && cause.errors.length > 0) cause = cause.errors[0] as unknown;
    else if (cause.cause instanceof Error) cause = cause.cause;
    else return cause;
  }
  return cause;
}

/** Statuses of a server that is busy or temporarily unavailable. */
const transientStatuses = new Set([408, 429, 500, 502, 503, 504]);

interface Refusal {
  readonly id: string;
  readonly settings: HubSettings;
  /** The address that answered: the hub, or a host that it redirected to. */
  readonly url: URL;
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  /** The file that was requested; undefined for the description of the model. */
  readonly file: string | undefined;
  /** The status with which the hub refused the token, before the request was sent without one. */
  readonly tokenRefused: number | undefined;
}

/** The failure that an answer other than success means. */
export function statusFailure(refusal: Refusal): HubFailure {
  const { id, settings, url, status, headers, file, tokenRefused } = refusal;
  const host = url.origin;
  const code = headers.get("x-error-code") ?? "";
  const denied = (found: string, hint: string, expected = "a model that may be read") =>
    new HubFailure({ code: "access-denied", expected, found, hint });
  const absent = (expected: string, found: string, hint: string) =>
    new HubFailure({ code: "model-not-found", expected, found, hint });

  if (status === 429) {
    const retryAfterMs = pauseOf(headers);
    const pause = retryAfterMs === undefined ? "a few minutes" : `${Math.ceil(retryAfterMs / 1000)} s`;
    const account = settings.token === undefined ? ", or set HF_TOKEN: the limits of an account are higher" : "";
    return unreachable(
      `${host} answers 429: too many requests from this address or account`,
      `Wait ${pause}${account}`,
      {
        kind: "transient",
        retryAfterMs,
      },
    );
  }
  if (transientStatuses.has(status) || status >= 500) {
    const kind = transientStatuses.has(status) ? "transient" : "permanent";
    const hint = `The server is temporarily unavailable. Try again later: ${continues}`;
    return unreachable(`${host} answers ${status}`, hint, { kind, retryAfterMs: pauseOf(headers) });
  }
  if (tokenRefused === 401 && [401, 403, 404].includes(status)) {
    const found = `the token of ${settings.tokenSource}, which ${host} refuses (401), and no public model (${status})`;
    const hint = `Copy a valid token from ${settings.endpoint.origin}/settings/tokens, and check the spelling of the model`;
    return denied(found, hint, "a token that is valid, or a public model");
  }
  if (code === "GatedRepo") {
    const hint = `Accept its terms at ${settings.endpoint.origin}/${id} and set HF_TOKEN to a token of that account`;
    return denied(`a gated model (${status})`, hint);
  }
  if (code === "DisabledRepo") return denied(`a model that ${host} has disabled (${status})`, "Choose another model");
  if (code === "RevisionNotFound") {
    const found = `no revision ${settings.revision} at ${host} (${status})`;
    return absent("a branch, tag or commit of the model", found, "Check revision");
  }
  if (code === "EntryNotFound" && file !== undefined) {
    return absent(file, `no such file at ${host} (${status})`, "Choose another revision");
  }
  if (status === 403) {
    const hint = `Check that ${tokenName(settings)} may read the model, and that no proxy or firewall blocks ${url.host}`;
    return denied(`a refusal by ${host} (403)`, hint);
  }
  if (status === 401 || status === 404) {
    const found = `no folder of that name, and no model at ${host} that this user may read (${status})`;
    const access =
      settings.token === undefined ? "set HF_TOKEN if it is private" : `check that ${tokenName(settings)} may read it`;
    return absent("a model folder, or a model on the hub", found, `Check the spelling, and ${access}`);
  }
  return unreachable(`${host} answers ${status}`, "Check HF_ENDPOINT: this host does not answer like the hub");
}

const tokenName = ({ token, tokenSource }: HubSettings): string =>
  token === undefined ? "this user" : `the token of ${tokenSource}`;

/** The pause that an answer asks for, in ms: `Retry-After` in seconds or as a date, or the reset of the hub's `RateLimit`. */
function pauseOf(headers: Refusal["headers"]): number | undefined {
  const after = headers.get("retry-after")?.trim() ?? "";
  if (/^\d{1,9}$/.test(after)) return 1000 * Number(after);
  const date = Date.parse(after);
  if (!Number.isNaN(date)) return Math.max(0, date - Date.now());
  // Such as `"api";r=0;t=55`.
  const reset = /;\s*t=(\d{1,9})/.exec(headers.get("ratelimit") ?? "")?.[1];
  return reset === undefined ? undefined : 1000 * Number(reset);
}
