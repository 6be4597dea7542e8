/** Where a rank listens while all join: it lets in those that greet rightly, and drops whoever else connects. */
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { InputError } from "../../errors.js";
import { Channel } from "./channel.js";
import { decode, greeting, maxGreetingBytes, type Address, type Greeting } from "./messages.js";
import { abortBytes, ownAbort } from "./rank-failure.js";

/** In which one who connects has to greet. */
const greetSeconds = 10;
/** Connections beside the ranks' own that are held until they have greeted or not. */
const maxStrangers = 64;

export interface Guest {
  readonly channel: Channel;
  readonly greeting: Greeting;
}

/** Who is let in. */
export interface Invitation {
  /** The rank that listens. */
  readonly rank: number;
  readonly size: number;
  /** Those that are to come. */
  readonly wanted: readonly number[];
  /** What they know; empty for rank 0, which hands it out. */
  readonly token: string;
  /** Date.now() at which it is too late. */
  readonly deadline: number;
}

export class Door {
  private readonly early: Socket[] = [];
  /** Those that were let in. */
  readonly guests = new Map<number, Guest>();
  private readonly strangers = new Set<Channel>();
  private knock = (socket: Socket): void => void this.early.push(socket);

  private constructor(private readonly server: Server) {
    server.on("connection", (socket) => this.knock(socket));
  }

  /** @param host its address, or `undefined` for all of this machine; port 0 takes a free one */
  static open({ host, port }: Partial<Address>): Promise<Door> {
    const server = createServer();
    return new Promise((resolve, reject) => {
      server.once("error", (error: NodeJS.ErrnoException) => {
        const found = error.code === "EADDRINUSE" ? "it taken by another process" : error.message;
        const hint = "Set MASTER_PORT to another one for all ranks, or end the run that still holds it";
        const where = `port ${port} of ${host ?? "this machine"}`;
        reject(
          new InputError(
            { code: "rank-failure", where, expected: "one that rank 0 can listen on", found, hint },
            { cause: error },
          ),
        );
      });
      server.listen({ host, port }, () => resolve(new Door(server)));
    });
  }

  get port(): number {
    // It listens on a port, not on a path.
    return (this.server.address() as AddressInfo).port;
  }

  /** @throws InputError naming the ranks that did not come, or what one of them has other than this rank */
  admit(invitation: Invitation): Promise<void> {
    const { wanted, deadline, size } = invitation;
    this.server.maxConnections = size + maxStrangers;
    return new Promise((resolve, reject) => {
      const late = setTimeout(
        () => reject(missing(wanted.filter((rank) => !this.guests.has(rank)))),
        deadline - Date.now(),
      );
      this.knock = (socket) => {
        this.greet(socket, invitation)
          .then(() => {
            if (this.guests.size < wanted.length) return;
            clearTimeout(late);
            resolve();
          })
          .catch((error: Error) => {
            clearTimeout(late);
            reject(error);
          });
      };
      for (const socket of this.early.splice(0)) this.knock(socket);
    });
  }

  /** Listens no longer. */
  close(): void {
    this.server.close();
    for (const socket of this.early) socket.destroy();
    for (const channel of this.strangers) channel.destroy();
  }

  /** @throws InputError when one of this run's ranks cannot take part; strangers are dropped in silence */
  private async greet(socket: Socket, invitation: Invitation): Promise<void> {
    const channel = new Channel(socket, greetSeconds);
    this.strangers.add(channel);
    const found = await readGreeting(channel).catch(() => undefined);
    this.strangers.delete(channel);
    if (found === undefined || found.token !== invitation.token) return channel.destroy();
    const objection = objectionTo(found, invitation, this.guests);
    if (objection === undefined) {
      this.guests.set(found.rank, { channel, greeting: found });
      return;
    }
    channel.send("abort", abortBytes(ownAbort(invitation.rank, objection.message))).catch(() => undefined);
    await channel.end();
    throw objection;
  }
}

async function readGreeting(channel: Channel): Promise<Greeting> {
  await channel.exchangeMagic();
  return decode(greeting, await channel.receive("greeting", maxGreetingBytes));
}

function objectionTo(
  { rank, size }: Greeting,
  invitation: Invitation,
  guests: ReadonlyMap<number, Guest>,
): InputError | undefined {
  const hint = "Start all ranks with the same WORLD_SIZE, MASTER_ADDR and MASTER_PORT, each with a RANK of its own";
  if (size !== invitation.size) {
    const expected = `${invitation.size}, as on rank ${invitation.rank}`;
    return new InputError({
      code: "rank-failure",
      where: `WORLD_SIZE of rank ${rank}`,
      expected,
      found: String(size),
      hint,
    });
  }
  if (guests.get(rank)?.channel.hasEnded === false || !invitation.wanted.includes(rank)) {
    return new InputError({
      code: "rank-failure",
      where: `rank ${rank}`,
      expected: "to join once",
      found: "a second process with it",
      hint,
    });
  }
  return undefined;
}

const missing = (ranks: readonly number[]): InputError =>
  new InputError({
    code: "rank-failure",
    where: `rank${ranks.length > 1 ? "s" : ""} ${ranks.slice(0, 8).join(", ")}${ranks.length > 8 ? ", …" : ""}`,
    expected: "to join in time",
    found: "nothing of them",
    hint: "Start one process for each rank from 0 to WORLD_SIZE - 1, all with the same MASTER_ADDR and MASTER_PORT",
  });
