/**
 * Ranks find each other: all go to rank 0, which tells each where the others are and a token that only they know; then every rank
 * goes to all others below it.
 */
import { randomBytes } from "node:crypto";
import type { Patience } from "../transport.js";
import type { Channel } from "./channel.js";
import { Door } from "./door.js";
import { decode, encode, isLoopback, maxWelcomeBytes, welcome, type Address, type Welcome } from "./messages.js";
import { abortBytes, ownAbort, RankFailure, rankFailure } from "./rank-failure.js";
import { reach, secondsUntil } from "./reach.js";
import { TcpTransport } from "./tcp-transport.js";

/** Rank 0 knows better who is missing, and says so when its own time is up. */
const graceSeconds = 5;

export interface Place {
  readonly rank: number;
  readonly size: number;
  /** Where rank 0 listens. */
  readonly master: Address;
}

/**
 * @throws InputError naming the ranks that did not come in time, the address that is taken, or what differs between ranks
 */
export async function joinTcp(place: Place, { joinSeconds, waitSeconds }: Patience): Promise<TcpTransport> {
  const { rank, size, master } = place;
  const channels = new Map<number, Channel>();
  const deadline = Date.now() + 1000 * joinSeconds;
  // Ranks of one machine need not be seen from outside; those below others are connected to.
  const host = isLoopback(master.host) ? master.host : undefined;
  const door = rank < size - 1 ? await Door.open({ host, port: rank === 0 ? master.port : 0 }) : undefined;
  try {
    if (rank === 0) await welcomeAll(place, door!, deadline, channels);
    else await meetAll(place, door, deadline, channels);
  } catch (error) {
    for (const [guest, { channel }] of door?.guests ?? []) channels.set(guest, channel);
    const reason = error instanceof Error ? error.message : String(error);
    const bytes = abortBytes(error instanceof RankFailure ? error.abort : ownAbort(rank, reason));
    for (const channel of channels.values()) channel.send("abort", bytes).catch(() => undefined);
    await Promise.all([...channels.values()].map((channel) => channel.end()));
    throw error;
  } finally {
    door?.close();
  }
  for (const channel of channels.values()) channel.waitSeconds = waitSeconds;
  return new TcpTransport(rank, size, channels);
}

const ranksFrom = (first: number, end: number): number[] => Array.from({ length: end - first }, (_, i) => first + i);

/** @param channels gets one for each other rank */
async function welcomeAll(
  { size }: Place,
  door: Door,
  deadline: number,
  channels: Map<number, Channel>,
): Promise<void> {
  const peers: Welcome["peers"] = [];
  await door.admit({ rank: 0, size, wanted: ranksFrom(1, size), token: "", deadline });
  for (const [rank, { channel, greeting }] of door.guests) {
    channels.set(rank, channel);
    const host = channel.remoteAddress ?? "";
    peers.push({ rank, port: greeting.port, ...(isLoopback(host) ? {} : { host }) });
  }
  const bytes = encode({ token: randomBytes(16).toString("hex"), peers });
  const sent = [...channels].map(([rank, channel]) =>
    channel.send("welcome", bytes).catch((error: unknown) => {
      throw rankFailure(rank, error);
    }),
  );
  await Promise.all(sent);
}

/** @param channels likewise */
async function meetAll(
  { rank, size, master }: Place,
  door: Door | undefined,
  deadline: number,
  channels: Map<number, Channel>,
): Promise<void> {
  const greet = async (peer: number, address: Address, token: string) => {
    const channel = await reach(peer, address, deadline);
    channels.set(peer, channel);
    await channel.send("greeting", encode({ rank, size, port: door?.port ?? 0, token }));
    return channel;
  };
  const first = await greet(0, master, "");
  first.waitSeconds = secondsUntil(deadline) + graceSeconds;
  const { token, peers } = await first
    .receive("welcome", maxWelcomeBytes)
    .then((bytes) => decode(welcome, bytes))
    .catch((error: unknown) => {
      throw rankFailure(0, error);
    });
  const below = peers.filter((peer) => peer.rank < rank);
  const greeted = below.map((peer) => greet(peer.rank, { host: peer.host ?? master.host, port: peer.port }, token));
  const admitted = door?.admit({ rank, size, wanted: ranksFrom(rank + 1, size), token, deadline });
  await Promise.all([...greeted, admitted]);
  for (const [peer, { channel }] of door?.guests ?? []) channels.set(peer, channel);
}
