/** What ranks say to each other while they join, as JSON, checked as what comes from strangers. */
import { z } from "zod";
import { ChannelGarbled } from "./channel.js";

export interface Address {
  readonly host: string;
  readonly port: number;
}

const port = z.int().min(0).max(65_535);

/** From a rank to one below it: to rank 0 with the port that it listens on itself, to others with the token. */
export const greeting = z.object({
  rank: z.int().min(0),
  size: z.int().min(1),
  port,
  token: z.string(),
});
export type Greeting = z.infer<typeof greeting>;

/** From rank 0 to all, when all are there. A rank without `host` is on the machine of rank 0. */
export const welcome = z.object({
  token: z.string(),
  peers: z.array(z.object({ rank: z.int().min(1), host: z.string().optional(), port })),
});
export type Welcome = z.infer<typeof welcome>;

export const maxGreetingBytes = 4096;
/** Of 65,536 ranks. */
export const maxWelcomeBytes = 8_388_608;

export const encode = (message: Greeting | Welcome): Uint8Array => Buffer.from(JSON.stringify(message));

/** @throws ChannelGarbled for bytes that are no such message */
export function decode<T>(schema: z.ZodType<T>, bytes: Uint8Array): T {
  try {
    return schema.parse(JSON.parse(Buffer.from(bytes).toString()));
  } catch (cause) {
    throw new ChannelGarbled("a message that no rank sends", { cause });
  }
}

/** Whether an address, or the name that stands for it, is reached from its own machine only. */
export const isLoopback = (host: string): boolean => /^(localhost|::1|(::ffff:)?127\.\d+\.\d+\.\d+)$/i.test(host);
