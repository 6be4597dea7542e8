/** A hub with one model, `org/name`, on the loopback address. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { readdir, readFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { etagOf, sendFile } from "../../src/checkpoint/mock-hub.test-support.js";

const commit = "0123456789abcdef0123456789abcdef01234567";

export interface TinyHub {
  readonly endpoint: string;
  close(): void;
}

/** @param folder whose files are those of the model */
export async function tinyHub(folder: string): Promise<TinyHub> {
  const names = await readdir(folder);
  const files = new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name))] as const)),
  );
  const siblings = names.map((rfilename) => ({ rfilename }));
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const url = request.url ?? "";
    const name = url.slice(`/org/name/resolve/${commit}/`.length);
    const content = files.get(name);
    if (url.startsWith("/api/models/org/name/revision/")) response.end(JSON.stringify({ sha: commit, siblings }));
    else if (content !== undefined) sendFile(request, response, content, etagOf(name, content));
    else response.writeHead(404, { "x-error-code": "EntryNotFound" }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { endpoint: `http://127.0.0.1:${port}`, close };
}
