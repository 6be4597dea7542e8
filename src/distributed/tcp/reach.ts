/** Connecting to a rank that may not listen yet. */
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { InputError } from "../../errors.js";
import { Channel, ChannelGarbled } from "./channel.js";
import type { Address } from "./messages.js";

const pauseMs = 200;
/** In which one who is connected has to say what it is. */
const greetSeconds = 10;

/**
 * @param deadline Date.now() at which it is too late
 * @throws InputError when nobody is there by then, or another program is
 */
export async function reach(rank: number, { host, port }: Address, deadline: number): Promise<Channel> {
  const where = `rank ${rank} at ${host}:${port}`;
  let found: string;
  do {
    try {
      return await connectOnce({ host, port }, Math.min(greetSeconds, secondsUntil(deadline)));
    } catch (error) {
      if (error instanceof ChannelGarbled) {
        const hint =
          "Give the address of rank 0 to all ranks, in MASTER_ADDR and MASTER_PORT, and run one version of this program";
        throw new InputError(
          { code: "rank-failure", where, expected: "this program", found: error.message, hint },
          { cause: error },
        );
      }
      found = error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : String(error);
    }
    await sleep(Math.min(pauseMs, 1000 * secondsUntil(deadline)));
  } while (Date.now() < deadline);
  const hint = "Start all ranks, and let their machines reach each other at any port";
  throw new InputError({ code: "rank-failure", where, expected: "to be reached in time", found, hint });
}

export const secondsUntil = (deadline: number): number => Math.max(0, deadline - Date.now()) / 1000;

async function connectOnce({ host, port }: Address, seconds: number): Promise<Channel> {
  const socket = connect({ host, port });
  const late = setTimeout(() => socket.destroy(new Error("no answer")), 1000 * seconds);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
  } finally {
    clearTimeout(late);
  }
  const channel = new Channel(socket, seconds);
  try {
    await channel.exchangeMagic();
    return channel;
  } catch (error) {
    channel.destroy();
    throw error;
  }
}
