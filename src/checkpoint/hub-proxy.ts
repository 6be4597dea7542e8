/** Requests through the proxy that the environment names. Node 20 heeds no proxy variables, so undici's client does it. */

import type undici from "undici";

import { InputError } from "../errors.js";
import type { Environment } from "./hub-settings.js";

export interface Proxy {
  /** With user and password, if it has them. */
  readonly url: string;
  /** The variable that names it. */
  readonly variable: string;
  /** For messages, without the password: `the proxy http://proxy.example:3128 of HTTPS_PROXY`. */
  readonly name: string;
}

/** The part of a `Response` that is used here, which those of Node and undici share. */
export interface HubResponse {
  readonly status: number;
  readonly ok: boolean;
  readonly headers: { get(name: string): string | null; has(name: string): boolean };
  readonly body: ReadableStream<Uint8Array> | null;
}

export interface HubRequest {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly signal: AbortSignal;
}

/** Connections to the hub, direct or through proxies, which are kept for later requests until `close`. */
export class Connections {
  private readonly agents = new Map<string, undici.ProxyAgent>();

  constructor(private readonly environment: Environment) {}

  /** @throws InputError if the proxy's variable has no address that can be used */
  proxyOf(url: URL): Proxy | undefined {
    return proxyOf(url, this.environment);
  }

  async send(url: URL, request: HubRequest): Promise<HubResponse> {
    const init = { ...request, redirect: "manual" as const };
    const proxy = this.proxyOf(url);
    if (proxy === undefined) return fetch(url, init);
    const { fetch: fetchThrough, ProxyAgent } = await importUndici(proxy);
    // A tunnel to a plain http host is refused by most proxies.
    const agent = this.agents.get(proxy.url) ?? new ProxyAgent({ uri: proxy.url, proxyTunnel: false });
    this.agents.set(proxy.url, agent);
    return fetchThrough(url, { ...init, dispatcher: agent });
  }

  async close(): Promise<void> {
    await Promise.all([...this.agents.values()].map((agent) => agent.destroy()));
  }
}

/** Loaded for proxies only: it takes 1.7 MB on disk and is left out of bundles. */
async function importUndici({ variable }: Proxy): Promise<Pick<typeof undici, "fetch" | "ProxyAgent">> {
  try {
    return await import("undici");
  } catch (error) {
    throw new InputError(
      {
        code: "hub-unreachable",
        where: variable,
        expected: "the package undici, which connects through proxies",
        found: "none that can be loaded",
        hint: "Run npm install undici",
      },
      { cause: error },
    );
  }
}

/**
 * The proxy for an address: `HTTPS_PROXY` or `HTTP_PROXY` by its scheme, else `ALL_PROXY`, unless `NO_PROXY` names the host. Names in
 * lower case come first. As in curl and Python's requests.
 */
export function proxyOf(url: URL, environment: Environment): Proxy | undefined {
  const find = (name: string) => [name.toLowerCase(), name].find((variable) => environment[variable]);
  const variable = find(url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY") ?? find("ALL_PROXY");
  if (variable === undefined || isExcluded(url, environment[find("NO_PROXY") ?? ""] ?? "")) return undefined;
  const text = environment[variable]!.trim();
  // A host without a scheme, as curl accepts it.
  const address = /^[a-z][a-z\d+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  const parsed = URL.canParse(address) ? new URL(address) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol) || parsed.hostname === "") {
    throw new InputError({
      code: "invalid-setting",
      where: variable,
      expected: "the address of an HTTP proxy, such as http://proxy.example:3128",
      found: parsed === undefined ? "no address" : `the scheme ${parsed.protocol.slice(0, -1)}`,
      hint: `Use an HTTP proxy, or add ${url.hostname} to NO_PROXY`,
    });
  }
  return { url: parsed.href, variable, name: `the proxy ${parsed.origin} of ${variable}` };
}

/** Whether `NO_PROXY` names the host: `*`, a host or a domain with all below it, an address or a range of them, each with or without port. */
function isExcluded({ hostname, port, protocol }: URL, list: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, "").toLowerCase();
  const ownPort = port || (protocol === "https:" ? "443" : "80");
  return list.split(/[\s,]+/).some((text) => {
    if (text === "*") return true;
    const [name, entryPort = ownPort] = splitPort(text.toLowerCase());
    const [base = "", bits] = name.replace(/^\*?\./, "").split("/");
    if (base === "" || entryPort !== ownPort) return false;
    return bits === undefined ? host === base || host.endsWith(`.${base}`) : inRange(host, base, Number(bits));
  });
}

/** `host:port` as host and port; an IPv6 address without brackets has no port. */
function splitPort(text: string): [host: string, port?: string] {
  const [, bracketed, port] = /^\[(.+)\](?::(\d+))?$/.exec(text) ?? [];
  if (bracketed !== undefined) return port === undefined ? [bracketed] : [bracketed, port];
  const [, host, plainPort] = /^([^:]*):(\d+)$/.exec(text) ?? [];
  return host === undefined ? [text] : [host, plainPort];
}

/** Whether an IPv4 address shares its first `bits` bits with another. */
function inRange(address: string, base: string, bits: number): boolean {
  const [a, b] = [address, base].map((text) =>
    /^\d{1,3}(?:\.\d{1,3}){3}$/.test(text)
      ? text.split(".").reduce((sum, part) => sum * 256 + Number(part), 0)
      : undefined,
  );
  const size = 2 ** (32 - bits);
  return a !== undefined && b !== undefined && bits <= 32 && Math.floor(a / size) === Math.floor(b / size);
}
