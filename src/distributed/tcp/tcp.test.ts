/** Ranks of one process that meet over the loopback address; `processes.test.ts` has real ones. */
import { connect, createServer, type AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import type { Collective } from "../collective.js";
import { collectiveSuite } from "../collective.suite.js";
import { joinCollective } from "../join.js";
import { freePort } from "./free-port.test-support.js";

const variables = (rank: number, size: number, port: number) => ({
  RANK: String(rank),
  WORLD_SIZE: String(size),
  MASTER_ADDR: "127.0.0.1",
  MASTER_PORT: String(port),
});

const patience = { joinSeconds: 20, waitSeconds: 20 };

async function join(size: number): Promise<Collective[]> {
  const port = await freePort();
  // The last comes first: it has to wait.
  const ranks = Array.from({ length: size }, (_, i) => joinCollective(variables(size - 1 - i, size, port), patience));
  return (await Promise.all(ranks)).reverse();
}

collectiveSuite("over TCP", join);

const open: { destroy: () => void }[] = [];
afterEach(() => open.splice(0).forEach((socket) => socket.destroy()));

const messageOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "nothing",
    (error: unknown) => String(error),
  );

test("an array of many blocks is summed with three ranks", async () => {
  const ranks = await join(3);
  const arrays = ranks.map(({ rank }) => new Float32Array(9_000_001).fill(rank + 1));
  await Promise.all(ranks.map((collective, i) => collective.sum([arrays[i]!])));
  for (const array of arrays) expect(array.every((value) => value === 6)).toBe(true);
  await Promise.all(ranks.map((collective) => collective.close()));
});

test("all hear why one has ended, and keep failing with it", async () => {
  const ranks = await join(3);
  const waiting = [0, 2].map((rank) => messageOf(ranks[rank]!.sum([new Float32Array(100_000)])));
  await ranks[1]!.abort("images/7.jpg: expected an image, found nothing.");
  const expected =
    "InputError: rank 1: expected to take part until all are done, " +
    "found it has ended: images/7.jpg: expected an image, found nothing. See its own messages, then start all ranks again.";
  expect(await Promise.all(waiting)).toEqual([expected, expected]);
  expect(await messageOf(ranks[0]!.gather(new Uint8Array()))).toBe(expected);
  expect(await messageOf(ranks[1]!.gather(new Uint8Array()))).toMatch("the ranks were ended");
  await Promise.all([0, 2].map((rank) => ranks[rank]!.abort("as it has ended")));
});

test("the reason is that of the first, whoever passes it on", async () => {
  const ranks = await join(3);
  await ranks[2]!.abort("out of memory");
  const first = await messageOf(ranks[0]!.sum([Float32Array.of(1)]));
  expect(first).toMatch("rank 2: expected to take part until all are done, found it has ended: out of memory.");
  await ranks[0]!.abort(first);
  expect(await messageOf(ranks[1]!.sum([Float32Array.of(1)]))).toBe(first);
  await ranks[1]!.abort(first);
});

test("an end is heard before anything is exchanged", async () => {
  const [zero, one] = await join(2);
  const left = one!.abort("enough");
  // While this rank computes.
  await left;
  expect(await messageOf(zero!.sum([new Float32Array(5_000_000)]))).toMatch("it has ended: enough");
  await zero!.abort("");
});

test("a rank that is silent for too long is named", async () => {
  const port = await freePort();
  const ranks = await Promise.all(
    [0, 1].map((rank) => joinCollective(variables(rank, 2, port), { joinSeconds: 20, waitSeconds: 0.2 })),
  );
  expect(await messageOf(ranks[0]!.sum([Float32Array.of(1)]))).toBe(
    "InputError: rank 1: expected an answer, found nothing for 0.2 s. " +
      "Its process hangs, or its machine cannot be reached: start all ranks again.",
  );
  await Promise.all(ranks.map((collective) => collective.abort("")));
});

test("ranks that do different things say so", async () => {
  const ranks = await join(2);
  const messages = await Promise.all([
    messageOf(ranks[0]!.sum([Float32Array.of(1)])),
    messageOf(ranks[1]!.gather(Uint8Array.of(1))),
  ]);
  expect(messages[0]).toMatch("rank 1: expected the same exchange as on all ranks, found a frame for gather where sum");
  await Promise.all(ranks.map((collective) => collective.abort("")));
  const others = await join(2);
  const lengths = await Promise.all(
    others.map((collective) => messageOf(collective.sum([new Float32Array(4 + 2 * collective.rank)]))),
  );
  expect(lengths.join()).toMatch(
    "rank 1: expected the same exchange as on all ranks, found 12 bytes where 8 are expected",
  );
  await Promise.all(others.map((collective) => collective.abort("")));
});

describe("joining", () => {
  test("strangers at the port are dropped, and the ranks meet", async () => {
    const port = await freePort();
    const zero = joinCollective(variables(0, 2, port), patience);
    const strangers = [
      "GET / HTTP/1.1\r\n\r\n",
      "bridgetower/1\r\n\0\0\0\0\0\xff\xff\xff\xff",
      "bridgetower/1\r\n\0\0\0\0\0\x02\0\0\0{}",
      "",
    ];
    const closed = strangers.map((bytes) => talk(port, bytes));
    // All but the one that says nothing.
    await Promise.all(closed.slice(0, -1));
    const ranks = await Promise.all([zero, joinCollective(variables(1, 2, port), patience)]);
    const arrays = ranks.map(() => Float32Array.of(2));
    await Promise.all(ranks.map((collective, i) => collective.sum([arrays[i]!])));
    expect(arrays.map(([value]) => value)).toEqual([4, 4]);
    await Promise.all(ranks.map((collective) => collective.close()));
  });

  test("another WORLD_SIZE ends the joining for both", async () => {
    const port = await freePort();
    const messages = await Promise.all([
      messageOf(joinCollective(variables(0, 2, port), patience)),
      messageOf(joinCollective(variables(1, 3, port), patience)),
    ]);
    for (const message of messages) expect(message).toMatch("WORLD_SIZE of rank 1: expected 2, as on rank 0, found 3");
  });

  test("a second process with one rank ends the joining for all", async () => {
    const port = await freePort();
    const messages = await Promise.all(
      [0, 1, 1].map((rank) => messageOf(joinCollective(variables(rank, 3, port), patience))),
    );
    for (const message of messages) expect(message).toMatch("rank 1: expected to join once, found a second process");
  });

  test("ranks that do not come are named, to all that did", async () => {
    const port = await freePort();
    const messages = await Promise.all(
      [0, 2].map((rank) => messageOf(joinCollective(variables(rank, 4, port), { joinSeconds: 0.5, waitSeconds: 20 }))),
    );
    expect(messages[0]).toBe(
      "InputError: ranks 1, 3: expected to join in time, found nothing of them. " +
        "Start one process for each rank from 0 to WORLD_SIZE - 1, all with the same MASTER_ADDR and MASTER_PORT.",
    );
    expect(messages[1]).toMatch("ranks 1, 3: expected to join in time");
  });

  test("without rank 0 a rank says whom it looked for", async () => {
    const port = await freePort();
    const message = await messageOf(joinCollective(variables(1, 2, port), { joinSeconds: 0.5, waitSeconds: 20 }));
    expect(message).toBe(
      `InputError: rank 0 at 127.0.0.1:${port}: expected to be reached in time, found ECONNREFUSED. ` +
        "Start all ranks, and let their machines reach each other at any port.",
    );
  });

  test("a port that is taken, or that another program answers at, is said", async () => {
    const server = createServer((socket) => socket.end("220 mail.example.org ESMTP\r\n"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    expect(await messageOf(joinCollective(variables(0, 2, port), patience))).toBe(
      `InputError: port ${port} of 127.0.0.1: expected one that rank 0 can listen on, found it taken by another process. ` +
        "Set MASTER_PORT to another one for all ranks, or end the run that still holds it.",
    );
    expect(await messageOf(joinCollective(variables(1, 2, port), patience))).toMatch(
      `rank 0 at 127.0.0.1:${port}: expected this program, found another program`,
    );
    server.close();
  });
});

/** Connects as soon as somebody listens and sends bytes; fulfilled when the other end closes. */
function talk(port: number, bytes: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    open.push(socket);
    let connected = false;
    socket.on("connect", () => {
      connected = true;
      socket.write(Buffer.from(bytes, "latin1"));
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(connected ? undefined : talk(port, bytes)));
    socket.resume();
  });
}
