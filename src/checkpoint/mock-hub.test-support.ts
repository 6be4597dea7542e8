/** A hub on the loopback address, with the faults that tests need: cut connections, damage, refusals, redirects; and a proxy. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { type IncomingMessage, request, type RequestListener, type ServerResponse, createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect, type Server, type Socket } from "node:net";
import { join } from "node:path";

import { onTestFinished } from "vitest";

import { fetchModel } from "./hub.js";
import type { HubSystem } from "./hub-http.js";
import type { HubOptions } from "./hub-settings.js";

export interface MockHub {
  readonly endpoint: string;
  /** One line a request: `GET /path`, with ` bytes=…` and ` token` where they were sent. */
  readonly requests: string[];
  /** Files of the model's only commit, by name. */
  readonly files: Map<string, Buffer>;
  readonly commit: string;
  /** Answers a request itself and returns true, or leaves it to the hub. */
  intercept: (request: IncomingMessage, response: ServerResponse) => boolean;
}

const commit = "0123456789abcdef0123456789abcdef01234567";

/** A certificate for 127.0.0.1 and hub.invalid that no authority has signed, made by `openssl ca -selfsign`, for the years 2020 to 2119. */
export const selfSigned = join(import.meta.dirname, "fixtures/self-signed.crt");

/**
 * A hub with one model, `org/name`; weights are large files (sha256), everything else is small (git sha1).
 * @param options.tls whether it speaks https, with the self-signed certificate
 */
export async function mockHub(
  files: Readonly<Record<string, string | Buffer>>,
  options: { readonly tls?: boolean } = {},
): Promise<MockHub> {
  const requests: string[] = [];
  const listener: RequestListener = (request, response) => {
    const range = request.headers.range === undefined ? "" : ` ${request.headers.range}`;
    const token = request.headers.authorization === undefined ? "" : " token";
    requests.push(`${request.method} ${request.url}${range}${token}`);
    if (!hub.intercept(request, response)) answer(hub, request, response);
  };
  const [cert, key] = [selfSigned, selfSigned.replace(".crt", ".key")].map((file) => readFileSync(file));
  const server = options.tls === true ? createTlsServer({ cert, key }, listener) : createServer(listener);
  const port = await listen(server);
  const hub: MockHub = {
    endpoint: `${options.tls === true ? "https" : "http"}://127.0.0.1:${port}`,
    requests,
    files: new Map(Object.entries(files).map(([name, content]) => [name, Buffer.from(content)])),
    commit,
    intercept: () => false,
  };
  return hub;
}

/** The port of a server on the loopback address, which is closed when the test is over. */
async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/**
 * Fetches org/name from the hub into `cacheDir`, without variables and tokens of the user who runs the tests. Pauses end at once.
 */
export function fetchFrom(
  hub: Pick<MockHub, "endpoint">,
  cacheDir: string,
  options: HubOptions = {},
  { environment = {}, ...system }: Partial<HubSystem> = {},
): Promise<string> {
  const all = { HF_TOKEN_PATH: join(cacheDir, "no-token"), ...environment };
  const pause = () => Promise.resolve();
  const complete = { pause, ...system, environment: all };
  return fetchModel("org/name", { endpoint: hub.endpoint, cacheDir, ...options }, complete);
}

/** An address where no server listens. */
export async function closedPort(): Promise<string> {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

export interface MockProxy {
  readonly address: string;
  /** `CONNECT host:port` of tunnels and `GET http://…` of plain requests, with the decoded ` user:password` that was sent. */
  readonly requests: string[];
  /** The status of its answers; 200 passes requests on. */
  status: number;
}

/** A proxy that connects every request to the same server. */
export async function mockProxy(target: string): Promise<MockProxy> {
  const proxy: { address: string; requests: string[]; status: number } = { address: "", requests: [], status: 200 };
  const { hostname, port } = new URL(target);
  const record = ({ method, url, headers }: IncomingMessage) => {
    const [, user] = /^Basic (.*)$/.exec(headers["proxy-authorization"] ?? "") ?? [];
    const credentials = user === undefined ? "" : ` ${Buffer.from(user, "base64").toString()}`;
    proxy.requests.push(`${method} ${url}${credentials}`);
  };
  const server = createServer((incoming, response) => {
    record(incoming);
    if (proxy.status !== 200) return void response.writeHead(proxy.status).end();
    const { method, headers } = incoming;
    const { pathname, search } = new URL(incoming.url!);
    const forwarded = request({ hostname, port, path: pathname + search, method, headers }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(response);
    });
    incoming.pipe(forwarded);
  });
  server.on("connect", (incoming, client, head) => {
    record(incoming);
    client.on("error", () => undefined);
    if (proxy.status !== 200) return void client.end(`HTTP/1.1 ${proxy.status} no\r\n\r\n`);
    const upstream = connect(Number(port), hostname, () => {
      client.write("HTTP/1.1 200 connected\r\n\r\n");
      upstream.write(head);
      upstream.pipe(client).pipe(upstream);
    });
    upstream.on("error", () => client.destroy());
    client.on("close", () => upstream.destroy());
  });
  proxy.address = `http://127.0.0.1:${await listen(server)}`;
  return proxy;
}

function answer(hub: MockHub, request: IncomingMessage, response: ServerResponse): void {
  const url = request.url ?? "";
  if (/^\/api\/models\/org\/name\/revision\//.test(url)) {
    const siblings = [...hub.files].map(([rfilename, content]) =>
      url.endsWith("?blobs=true") ? { rfilename, ...hashesOf(rfilename, content) } : { rfilename },
    );
    response.end(JSON.stringify({ sha: hub.commit, siblings }));
    return;
  }
  const name = decodeURIComponent(url.slice(`/org/name/resolve/${hub.commit}/`.length));
  const content = hub.files.get(name);
  if (content === undefined) {
    response.writeHead(404, { "x-error-code": "EntryNotFound" }).end();
    return;
  }
  sendFile(request, response, content, etagOf(name, content));
}

/** Answers HEAD and GET, whole or from the start of a range on. */
export function sendFile(request: IncomingMessage, response: ServerResponse, content: Buffer, etag: string): void {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  response.writeHead(start > 0 ? 206 : 200, {
    etag: `"${etag}"`,
    "content-length": content.length - start,
    ...(start > 0 ? { "content-range": `bytes ${start}-${content.length - 1}/${content.length}` } : {}),
  });
  response.end(request.method === "HEAD" ? undefined : content.subarray(start));
}

export function etagOf(name: string, content: Buffer): string {
  if (/\.(safetensors|bin)$/.test(name)) return createHash("sha256").update(content).digest("hex");
  return createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
}

/** As the hub lists them with `?blobs=true`. */
function hashesOf(name: string, content: Buffer): object {
  const hash = etagOf(name, content);
  const size = content.length;
  return hash.length === 64 ? { size, blobId: "f".repeat(40), lfs: { sha256: hash, size } } : { size, blobId: hash };
}
