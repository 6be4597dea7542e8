/**
 * One end of a connection between two processes: frames of a kind and of bytes, which are read into memory that the reader gives.
 * Little is read ahead of a reader, and only one who waits keeps the process alive.
 */
import type { Socket } from "node:net";

/** What a frame is for; `greeting` and `welcome` are of the time before all have joined. */
const kinds = ["greeting", "welcome", "sum", "gather", "farewell", "abort"] as const;
export type FrameKind = (typeof kinds)[number];

/** What both ends send first: another program, or another version of this one, is told by it. */
const magic = Buffer.from("bridgetower/1\r\n\0");
/** Kind and length. */
const headerLength = 8;
/** JSON of few fields. */
const maxAbortBytes = 65_536;
/** Read ahead, so that an abort is seen before a write fails because of it. */
const maxUnreadBytes = 262_144;
/** How long an end that is no longer listened to waits for the other to have read all. */
const lingerMs = 2000;

/** The other end is gone: `abort` is what it sent before, if it did. */
export class ChannelEnded extends Error {
  constructor(readonly abort?: Uint8Array) {
    super("the connection has ended");
  }
}
export class ChannelSilent extends Error {
  constructor(readonly seconds: number) {
    super(`nothing came for ${seconds} s`);
  }
}
/** What came is nothing that this program sends, or not now. */
export class ChannelGarbled extends Error {}

interface Reader {
  readonly target: Uint8Array;
  filled: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class Channel {
  /** How long a reader waits. */
  waitSeconds: number;
  private reader: Reader | undefined;
  /** What came beyond what the last reader wanted. */
  private readonly unread: Buffer[] = [];
  private ended = false;

  constructor(
    private readonly socket: Socket,
    waitSeconds: number,
  ) {
    this.waitSeconds = waitSeconds;
    socket.setNoDelay(true);
    // A machine that vanished says nothing.
    socket.setKeepAlive(true, 30_000);
    socket.unref();
    socket.on("data", (chunk) => this.take(chunk));
    socket.on("error", () => this.fail());
    socket.on("end", () => this.fail());
    socket.on("close", () => this.fail());
  }

  get hasEnded(): boolean {
    return this.ended;
  }

  get remoteAddress(): string | undefined {
    return this.socket.remoteAddress;
  }

  /** @throws ChannelGarbled when the other end is none of this program */
  async exchangeMagic(): Promise<void> {
    this.socket.write(magic);
    const theirs = Buffer.alloc(magic.length);
    await this.read(theirs);
    if (!theirs.equals(magic)) throw new ChannelGarbled("another program, or another version of this one");
  }

  /** Fulfilled when `bytes` may be changed again. */
  send(kind: FrameKind, bytes: Uint8Array): Promise<void> {
    const header = Buffer.alloc(headerLength);
    header.writeUInt32LE(kinds.indexOf(kind), 0);
    header.writeUInt32LE(bytes.length, 4);
    return new Promise((resolve, reject) => {
      const sent = (error?: Error | null) => (error == null ? resolve() : reject(new ChannelEnded()));
      this.socket.cork();
      this.socket.write(header, bytes.length === 0 ? sent : undefined);
      if (bytes.length > 0) this.socket.write(bytes, sent);
      this.socket.uncork();
    });
  }

  /** The next frame, which is to be of this kind and at most so long. */
  async receive(kind: FrameKind, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
    const length = await this.readHeader(kind);
    if (length > maxBytes) throw new ChannelGarbled(`${length} bytes where at most ${maxBytes} are expected`);
    const bytes = new Uint8Array(length);
    await this.read(bytes);
    return bytes;
  }

  /** The next frame, which is to be of this kind and to fill the target. */
  async receiveInto(kind: FrameKind, target: Uint8Array): Promise<void> {
    const length = await this.readHeader(kind);
    if (length !== target.length) throw new ChannelGarbled(`${length} bytes where ${target.length} are expected`);
    await this.read(target);
  }

  /** Sends what is under way, then waits for the other end, which may still be sending: what comes is dropped. */
  end(): Promise<void> {
    const { socket } = this;
    if (socket.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      const late = setTimeout(() => socket.destroy(), lingerMs);
      socket.once("close", () => {
        clearTimeout(late);
        resolve();
      });
      socket.removeAllListeners("data");
      socket.ref();
      socket.end();
      socket.resume();
    });
  }

  destroy(): void {
    this.socket.destroy();
  }

  private async readHeader(kind: FrameKind): Promise<number> {
    const header = Buffer.alloc(headerLength);
    await this.read(header);
    const found = kinds[header.readUInt32LE(0)];
    const length = header.readUInt32LE(4);
    if (found === "abort" && length <= maxAbortBytes) {
      const abort = new Uint8Array(length);
      await this.read(abort);
      throw new ChannelEnded(abort);
    }
    if (found === kind) return length;
    if (found === "farewell") throw new ChannelEnded();
    throw new ChannelGarbled(`${found === undefined ? "no frame" : `a frame for ${found}`} where ${kind} is expected`);
  }

  private async read(target: Uint8Array): Promise<void> {
    if (target.length === 0) return;
    const { waitSeconds, socket } = this;
    let late: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        this.reader = { target, filled: 0, resolve, reject };
        for (const chunk of this.unread.splice(0)) this.take(chunk);
        if (this.reader === undefined) return;
        if (this.ended) return this.fail();
        socket.ref();
        socket.resume();
        late = setTimeout(() => {
          this.reader = undefined;
          reject(new ChannelSilent(waitSeconds));
        }, 1000 * waitSeconds);
      });
    } finally {
      clearTimeout(late);
      socket.unref();
    }
  }

  private take(chunk: Buffer): void {
    const { reader } = this;
    if (reader === undefined) return this.keep(chunk);
    const part = chunk.subarray(0, reader.target.length - reader.filled);
    reader.target.set(part, reader.filled);
    reader.filled += part.length;
    if (reader.filled < reader.target.length) return;
    this.reader = undefined;
    if (part.length < chunk.length) this.keep(chunk.subarray(part.length));
    reader.resolve();
  }

  private keep(chunk: Buffer): void {
    this.unread.push(chunk);
    if (this.unread.reduce((total, { length }) => total + length, 0) > maxUnreadBytes) this.socket.pause();
  }

  private fail(): void {
    this.ended = true;
    const { reader } = this;
    this.reader = undefined;
    reader?.reject(new ChannelEnded());
  }
}
