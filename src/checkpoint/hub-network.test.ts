/** What is between the user and the hub: mirrors, proxies, tokens, rate limits, certificates. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { afterEach, describe, expect, test, vi } from "vitest";

import { complaint, temporaryFolder } from "./checkpoint-files.test-support.js";
import { networkFailure } from "./hub-failures.js";
import { proxyOf } from "./hub-proxy.js";
import type { HubProgress } from "./hub-settings.js";
import { closedPort, fetchFrom, type MockHub, mockHub, mockProxy, selfSigned } from "./mock-hub.test-support.js";

const published = { "config.json": "{}", "model.safetensors": "weights" };

afterEach(() => {
  vi.unstubAllEnvs();
});

/** Runs a fetch into an empty cache; gives its error, warnings, and the pauses in ms. */
async function attempt(
  hub: Pick<MockHub, "endpoint">,
  environment: Record<string, string> = {},
): Promise<{ message: string | undefined; warnings: string[]; pauses: number[]; events: HubProgress[] }> {
  const cacheDir = await temporaryFolder();
  const [warnings, pauses, events]: [string[], number[], HubProgress[]] = [[], [], []];
  const options = {
    onWarning: (message: string) => warnings.push(message),
    onDownload: (event: HubProgress) => events.push(event),
  };
  const system = { environment, pause: (ms: number) => Promise.resolve(void pauses.push(ms)) };
  let succeeded = false;
  const fetched = fetchFrom(hub, cacheDir, options, system).then(() => (succeeded = true));
  const message = await complaint(cacheDir, fetched).catch((error: unknown) => {
    if (succeeded) return undefined;
    throw error;
  });
  return { message: message?.replaceAll(hub.endpoint, "http://hub"), warnings, pauses, events };
}

describe("mirrors", () => {
  test.each([301, 302, 307, 308])(
    "%i to another host is followed for every request, without the token",
    async (status) => {
      const mirror = await mockHub(published);
      const hub = await mockHub({});
      hub.intercept = (request, response) => {
        response.writeHead(status, { location: `${mirror.endpoint}${request.url}`, etag: '"of-the-redirect"' }).end();
        return true;
      };
      const { message } = await attempt(hub, { HF_TOKEN: "hf_secret" });
      expect(message).toBeUndefined();
      expect(hub.requests.every((line) => line.endsWith(" token"))).toBe(true);
      expect(mirror.requests.length).toBeGreaterThan(3);
      expect(mirror.requests.join()).not.toContain("token");
      // The mirror's headers are enough.
      expect(hub.requests.join()).not.toContain("blobs=true");
    },
  );

  test("an endpoint below a path, as repository managers have it", async () => {
    const hub = await mockHub(published);
    hub.intercept = (request) => {
      request.url = request.url?.replace("/artifactory/api/huggingface", "");
      return false;
    };
    expect((await attempt({ endpoint: `${hub.endpoint}/artifactory/api/huggingface/` })).message).toBeUndefined();
    expect(hub.requests[0]).toBe("GET /artifactory/api/huggingface/api/models/org/name/revision/main");
  });
});

describe("proxies", () => {
  test.each(["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])(
    "%s for http, without a tunnel",
    async (variable) => {
      const hub = await mockHub(published);
      const proxy = await mockProxy(hub.endpoint);
      const endpoint = "http://hub.invalid";
      const address = proxy.address.replace("//", "//me:p%40ss@");
      const { message } = await attempt({ endpoint }, { [variable]: address });
      expect(message).toBeUndefined();
      expect(proxy.requests[0]).toBe("GET http://hub.invalid/api/models/org/name/revision/main me:p@ss");
      expect(proxy.requests).toHaveLength(hub.requests.length);
    },
  );

  test.each(["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])("%s for https, by CONNECT", async (variable) => {
    const hub = await mockHub(published, { tls: true });
    const proxy = await mockProxy(hub.endpoint);
    const { message } = await attempt({ endpoint: "https://hub.invalid" }, { [variable]: proxy.address });
    expect(proxy.requests).toEqual(["CONNECT hub.invalid:443"]);
    // The tunnel leads to the hub, whose certificate nobody knows here.
    expect(message).toContain("found http://hub does not answer (DEPTH_ZERO_SELF_SIGNED_CERT)");
    expect(message).toContain("NODE_EXTRA_CA_CERTS");
  });

  test("a proxy that refuses, wants a password or is not there is named, without its password", async () => {
    const proxy = await mockProxy("http://127.0.0.1:1");
    const address = proxy.address.replace("//", "//me:secret@");
    const fetched = (HTTPS_PROXY: string) => attempt({ endpoint: "https://hub.invalid" }, { HTTPS_PROXY });
    for (const [status, hint] of [
      [407, "Give user and password in HTTPS_PROXY"],
      [403, "Ask for access to hub.invalid, or name the host in NO_PROXY"],
    ] as const) {
      proxy.status = status;
      const { message } = await fetched(address);
      expect(message).toContain(
        `found the proxy ${proxy.address} of HTTPS_PROXY answers ${status} for hub.invalid. ${hint}`,
      );
      expect(message).not.toContain("secret");
    }
    const closed = await closedPort();
    expect((await fetched(closed)).message).toContain(
      `does not answer (ECONNREFUSED), through the proxy ${closed} of HTTPS_PROXY. No server accepts connections there. Check HTTPS_PROXY`,
    );
    expect((await fetched("socks5://127.0.0.1:1")).message).toBe(
      "HTTPS_PROXY: expected the address of an HTTP proxy, such as http://proxy.example:3128, found the scheme socks5. " +
        "Use an HTTP proxy, or add hub.invalid to NO_PROXY.",
    );
  });

  test("NO_PROXY: requests go to the hub itself", async () => {
    const hub = await mockHub(published);
    const proxy = await mockProxy(hub.endpoint);
    expect(
      (await attempt(hub, { HTTP_PROXY: proxy.address, NO_PROXY: "example.com, 127.0.0.1" })).message,
    ).toBeUndefined();
    expect(proxy.requests).toEqual([]);
    expect(hub.requests.length).toBeGreaterThan(0);
  });

  test.each([
    ["*", "https://hub.co", true],
    ["hub.co", "https://hub.co", true],
    ["HUB.co", "https://cdn.hub.co", true],
    [".hub.co", "https://hub.co", true],
    ["*.hub.co", "https://cdn.hub.co", true],
    ["hub.co", "https://githhub.co", false],
    ["hub.co:443", "https://hub.co", true],
    ["hub.co:8443", "https://hub.co", false],
    ["hub.co:8443", "https://hub.co:8443", true],
    ["a.com hub.co", "https://hub.co", true],
    ["10.0.0.0/8", "https://10.1.2.3", true],
    ["10.0.0.0/8", "https://11.1.2.3", false],
    ["0.0.0.0/0", "https://11.1.2.3", true],
    ["::1", "https://[::1]:8080", true],
    ["[::1]:8080", "https://[::1]:8080", true],
    ["", "https://hub.co", false],
    [" , ", "https://hub.co", false],
  ])("NO_PROXY=%j excludes %s: %s", (list, url, isExcluded) => {
    const environment = { HTTPS_PROXY: "proxy:3128", no_proxy: list };
    expect(proxyOf(new URL(url), environment)?.url).toBe(isExcluded ? undefined : "http://proxy:3128/");
  });

  test("the variable of the scheme comes before ALL_PROXY, lower case first", () => {
    const environment = {
      HTTPS_PROXY: "http://b",
      https_proxy: "http://a",
      HTTP_PROXY: "http://c",
      ALL_PROXY: "http://d",
    };
    expect(proxyOf(new URL("https://hub.co"), environment)?.variable).toBe("https_proxy");
    expect(proxyOf(new URL("http://hub.co"), environment)?.variable).toBe("HTTP_PROXY");
    expect(proxyOf(new URL("http://hub.co"), { HTTPS_PROXY: "http://b" })).toBeUndefined();
  });
});

/** Refuses requests with a token as the hub refuses an unknown one. */
const refuseToken: MockHub["intercept"] = (request, response) => {
  if (request.headers.authorization === undefined) return false;
  response.writeHead(401, { "x-error-message": "Invalid credentials in Authorization header" }).end();
  return true;
};

describe("tokens", () => {
  test.each([
    [{ HF_TOKEN: "hf_old" }, "HF_TOKEN"],
    [{ HUGGING_FACE_HUB_TOKEN: "hf_old" }, "HUGGING_FACE_HUB_TOKEN"],
    [{ HF_TOKEN_PATH: fileURLToPath(import.meta.url) + ".token" }, undefined],
  ])("one that is refused is left out, with a warning: %j", async (environment, source) => {
    const hub = await mockHub(published);
    hub.intercept = refuseToken;
    const { message, warnings } = await attempt(hub, environment);
    expect(message).toBeUndefined();
    const warning = `org/name: the token of ${source} is refused by ${hub.endpoint} (401); continues without it`;
    expect(warnings).toEqual(source === undefined ? [] : [warning]);
    expect(hub.requests.filter((line) => line.endsWith(" token"))).toHaveLength(source === undefined ? 0 : 1);
  });

  test("one that is refused, and no public model: the error names the token", async () => {
    const hub = await mockHub(published);
    hub.intercept = (request, response) => {
      if (!refuseToken(request, response)) response.writeHead(401, { "x-error-code": "RepoNotFound" }).end();
      return true;
    };
    expect((await attempt(hub, { HF_TOKEN: "hf_old" })).message).toBe(
      "org/name: expected a token that is valid, or a public model, found the token of HF_TOKEN, which http://hub refuses (401), " +
        "and no public model (401). Copy a valid token from http://hub/settings/tokens, and check the spelling of the model.",
    );
    expect(hub.requests).toHaveLength(2);
  });

  test("HF_HUB_DISABLE_IMPLICIT_TOKEN: none is sent", async () => {
    const hub = await mockHub(published);
    await attempt(hub, { HF_TOKEN: "hf_x", HF_HUB_DISABLE_IMPLICIT_TOKEN: "1" });
    expect(hub.requests.join()).not.toContain("token");
  });
});

/** Answers the first `times` requests with a status. */
function answerFirst(hub: MockHub, times: number, status: number, headers: Record<string, string> = {}): void {
  let left = times;
  hub.intercept = (_, response) => {
    if (left-- <= 0) return false;
    response.writeHead(status, headers).end();
    return true;
  };
}

describe("servers that are busy or temporarily unavailable", () => {
  test.each([
    ["retry-after", "7", 7000],
    ["ratelimit", '"api";r=0;t=55', 55_000],
    ["x-nothing", "", 1000],
  ])("429 with %s: %s waits %i ms, says so, and tries again", async (name, value, ms) => {
    const hub = await mockHub(published);
    answerFirst(hub, 1, 429, { [name]: value });
    const { message, pauses, events } = await attempt(hub);
    expect(message).toBeUndefined();
    expect(pauses).toEqual([ms]);
    expect(events[0]).toMatchObject({
      status: "retry",
      message: `${hub.endpoint} answers 429: too many requests from this address or account; tries again in ${ms / 1000} s`,
    });
  });

  test("a date in Retry-After is a pause until then", async () => {
    const hub = await mockHub(published);
    answerFirst(hub, 1, 503, { "retry-after": new Date(Date.now() + 100_000).toUTCString() });
    const { pauses } = await attempt(hub);
    expect(pauses).toHaveLength(1);
    expect(pauses[0]).toBeGreaterThan(50_000);
    expect(pauses[0]).toBeLessThanOrEqual(100_000);
  });

  test.each([500, 502, 503, 504])("%i: pauses double, up to six tries, for every request", async (status) => {
    const hub = await mockHub(published);
    answerFirst(hub, 5, status);
    const { message, pauses } = await attempt(hub);
    expect(message).toBeUndefined();
    expect(pauses).toEqual([1000, 2000, 4000, 8000, 8000]);
    answerFirst(hub, Infinity, status);
    hub.requests.length = 0;
    expect((await attempt(hub)).message).toContain(
      `found http://hub answers ${status}. The server is temporarily unavailable`,
    );
    expect(hub.requests).toHaveLength(6);
  });

  test("one answer of each kind in the middle of a download", async () => {
    const hub = await mockHub(published);
    const failures = [429, 500, 502, 503, 504, 0];
    hub.intercept = (request, response) => {
      if (request.method !== "GET" || !request.url?.endsWith(".safetensors")) return false;
      const status = failures.shift();
      if (status === undefined) return false;
      if (status === 0) request.socket.destroy();
      else response.writeHead(status).end();
      return true;
    };
    const { message, pauses } = await attempt(hub);
    expect(message).toContain("does not answer");
    expect(pauses).toHaveLength(5);
    expect(failures).toEqual([]);
    failures.push(429, 500, 0);
    expect((await attempt(hub)).message).toBeUndefined();
  });

  test("a longer pause than five minutes is left to the user", async () => {
    const hub = await mockHub(published);
    answerFirst(hub, Infinity, 429, { "retry-after": "3600" });
    const { message, pauses } = await attempt(hub);
    expect(message).toContain("Wait 3600 s, or set HF_TOKEN: the limits of an account are higher.");
    expect(pauses).toEqual([]);
    expect(hub.requests).toHaveLength(1);
  });

  test("an aborted signal ends a pause at once", async () => {
    const hub = await mockHub(published);
    answerFirst(hub, Infinity, 429, { "retry-after": "200" });
    const stop = new AbortController();
    const reason = new Error("enough");
    const onDownload = ({ status }: HubProgress) => status === "retry" && stop.abort(reason);
    const { pause } = await import("./hub-http.js");
    const fetched = fetchFrom(hub, await temporaryFolder(), { signal: stop.signal, onDownload }, { pause });
    await expect(fetched).rejects.toBe(reason);
  });
});

describe("causes in errors", () => {
  test("a certificate of its own: how to trust it", async () => {
    const hub = await mockHub(published, { tls: true });
    vi.stubEnv("REQUESTS_CA_BUNDLE", "");
    vi.stubEnv("SSL_CERT_FILE", "");
    vi.stubEnv("CURL_CA_BUNDLE", "");
    const { message } = await attempt(hub);
    expect(message).toContain(
      "found http://hub does not answer (DEPTH_ZERO_SELF_SIGNED_CERT). The certificate is of an authority that Node does not know. " +
        "Set NODE_EXTRA_CA_CERTS to the PEM file of that authority",
    );
    const isKnown = process.allowedNodeEnvironmentFlags.has("--use-system-ca");
    expect(message!.includes("NODE_OPTIONS=--use-system-ca")).toBe(isKnown);
    vi.stubEnv("REQUESTS_CA_BUNDLE", "/etc/company.pem");
    expect((await attempt(hub)).message).toContain("Set NODE_EXTRA_CA_CERTS to the file of REQUESTS_CA_BUNDLE");
  });

  test("with NODE_EXTRA_CA_CERTS the same hub is read, directly and through a proxy", async () => {
    const hub = await mockHub(published, { tls: true });
    const proxy = await mockProxy(hub.endpoint);
    const cacheDir = await temporaryFolder();
    const script = `
      import { resolveModel } from ${JSON.stringify(new URL("resolve-model.ts", import.meta.url).href)};
      import { createRequire } from "node:module";
      const { cache } = createRequire(process.cwd() + "/");
      for (const [endpoint, cacheDir] of JSON.parse(process.argv[1])) {
        await resolveModel("org/name", { endpoint, cacheDir });
        console.log(Object.keys(cache).some((file) => file.includes("undici")));
      }`;
    const calls = [
      [hub.endpoint, join(cacheDir, "direct")],
      ["https://hub.invalid", join(cacheDir, "proxied")],
    ];
    const environment = {
      ...{ PATH: process.env.PATH, HOME: cacheDir, NODE_EXTRA_CA_CERTS: selfSigned },
      ...{ https_proxy: proxy.address, no_proxy: "127.0.0.1" },
    };
    const args = ["--import", "tsx", "--input-type=module", "--eval", script, JSON.stringify(calls)];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { env: environment });
    expect(stderr).toBe("");
    // The client for proxies is loaded for proxies only.
    expect(stdout).toBe("false\ntrue\n");
    expect(proxy.requests[0]).toBe("CONNECT hub.invalid:443");
    const [direct, proxied] = [
      hub.requests.slice(0, hub.requests.length / 2),
      hub.requests.slice(hub.requests.length / 2),
    ];
    expect(proxied).toEqual(direct);
  });

  test("https at a port of plain http", async () => {
    const hub = await mockHub(published);
    const { message } = await attempt({ endpoint: hub.endpoint.replace("http:", "https:") });
    expect(message).toContain("The host does not speak TLS on this port. Check the scheme and port of HF_ENDPOINT");
  });

  test("a port without a server", async () => {
    const endpoint = await closedPort();
    expect((await attempt({ endpoint })).message).toContain(
      "(ECONNREFUSED). No server accepts connections there. Check HF_ENDPOINT and firewalls",
    );
  });

  test.each([
    [
      "ENOTFOUND",
      "The name hub.co has no address here. Check the network and HF_ENDPOINT. Behind a proxy, set HTTPS_PROXY",
      "connection",
    ],
    ["EAI_AGAIN", "The name hub.co has no address here", "transient"],
    ["ENETUNREACH", "This machine has no route to the host. Check the network", "connection"],
    [
      "ETIMEDOUT",
      "Try again: a download continues where it stopped. Behind a proxy, set HTTPS_PROXY, or set HF_HUB_DOWNLOAD_",
      "timeout",
    ],
    ["UND_ERR_CONNECT_TIMEOUT", "Try again: a download continues where it stopped", "timeout"],
    ["ECONNRESET", "Try again: a download continues where it stopped", "transient"],
    ["CERT_HAS_EXPIRED", "Check the clock of this machine, and the certificate of the host", "permanent"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "The certificate is that of another host. Check HF_ENDPOINT", "permanent"],
    ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "The certificate is of an authority that Node does not know", "permanent"],
  ])("%s: %s", (code, hint, kind) => {
    const cause = new AggregateError([Object.assign(new Error("low level"), { code })]);
    const url = new URL("https://hub.co/x");
    const failure = networkFailure("hub.co does not answer", url, new TypeError("fetch failed", { cause }), undefined);
    expect(failure.message).toBe(`hub.co does not answer (${code})`);
    expect(failure.problem.hint).toContain(hint);
    expect(failure.kind).toBe(kind);
  });

  test.each([
    [
      403,
      {},
      "found a refusal by http://hub (403). Check that this user may read the model, and that no proxy or firewall",
    ],
    [403, { "x-error-code": "DisabledRepo" }, "found a model that http://hub has disabled (403)"],
    [404, {}, "found no folder of that name, and no model at http://hub that this user may read (404)"],
    [418, {}, "found http://hub answers 418. Check HF_ENDPOINT"],
  ])("status %i with %j", async (status, headers, found) => {
    const hub = await mockHub(published);
    answerFirst(hub, Infinity, status, headers);
    expect((await attempt(hub)).message).toContain(found);
  });

  test("a file that is listed but not there", async () => {
    const hub = await mockHub(published);
    hub.intercept = (request, response) => {
      if (!request.url?.endsWith("config.json")) return false;
      response.writeHead(404, { "x-error-code": "EntryNotFound" }).end();
      return true;
    };
    expect((await attempt(hub)).message).toContain("expected config.json, found no such file at http://hub (404)");
  });
});
