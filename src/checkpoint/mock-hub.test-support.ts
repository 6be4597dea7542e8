/** A hub on the loopback address, with the faults that tests need: cut connections, damage, refusals, redirects. */

import { createHash } from "node:crypto";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { onTestFinished } from "vitest";

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

/** A hub with one model, `org/name`; weights are large files (sha256), everything else is small (git sha1). */
export async function mockHub(files: Readonly<Record<string, string | Buffer>>): Promise<MockHub> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const range = request.headers.range === undefined ? "" : ` ${request.headers.range}`;
    const token = request.headers.authorization === undefined ? "" : " token";
    requests.push(`${request.method} ${request.url}${range}${token}`);
    if (!hub.intercept(request, response)) answer(hub, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const hub: MockHub = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    files: new Map(Object.entries(files).map(([name, content]) => [name, Buffer.from(content)])),
    commit,
    intercept: () => false,
  };
  return hub;
}

function answer(hub: MockHub, request: IncomingMessage, response: ServerResponse): void {
  const url = request.url ?? "";
  if (/^\/api\/models\/org\/name\/revision\//.test(url)) {
    const siblings = [...hub.files.keys()].map((rfilename) => ({ rfilename }));
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
