/** Writes small zip archives by hand, well-formed or with a fault. */

export interface ZipPart {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** 0 stored, 8 deflated. */
  readonly method?: number;
  readonly flags?: number;
}

/** @param wide  write sizes and offsets only in zip64 fields, as archives over 4 GB do */
export function zipBytes(parts: readonly ZipPart[], { wide = false } = {}): Uint8Array {
  const body: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, bytes, method = 0, flags = 0 } of parts) {
    const encoded = Buffer.from(name);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(encoded.length, 26);
    body.push(local, encoded, Buffer.from(bytes));

    const extra = wide ? Buffer.alloc(28) : Buffer.alloc(0);
    if (wide) {
      extra.writeUInt16LE(1, 0);
      extra.writeUInt16LE(24, 2);
      extra.writeBigUInt64LE(BigInt(bytes.length), 4);
      extra.writeBigUInt64LE(BigInt(bytes.length), 12);
      extra.writeBigUInt64LE(BigInt(offset), 20);
    }
    const listed = Buffer.alloc(46);
    listed.writeUInt32LE(0x02014b50, 0);
    listed.writeUInt16LE(flags, 8);
    listed.writeUInt16LE(method, 10);
    listed.writeUInt32LE(wide ? 0xffffffff : bytes.length, 20);
    listed.writeUInt32LE(wide ? 0xffffffff : bytes.length, 24);
    listed.writeUInt16LE(encoded.length, 28);
    listed.writeUInt16LE(extra.length, 30);
    listed.writeUInt32LE(wide ? 0xffffffff : offset, 42);
    directory.push(listed, encoded, extra);
    offset += local.length + encoded.length + bytes.length;
  }
  const listing = Buffer.concat(directory);
  return Buffer.concat([...body, listing, ...ending(parts.length, listing.length, offset, wide)]);
}

function ending(count: number, length: number, offset: number, wide: boolean): Buffer[] {
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(wide ? 0xffff : count, 10);
  end.writeUInt32LE(wide ? 0xffffffff : length, 12);
  end.writeUInt32LE(wide ? 0xffffffff : offset, 16);
  if (!wide) return [end];
  const end64 = Buffer.alloc(56);
  end64.writeUInt32LE(0x06064b50, 0);
  end64.writeBigUInt64LE(BigInt(count), 32);
  end64.writeBigUInt64LE(BigInt(length), 40);
  end64.writeBigUInt64LE(BigInt(offset), 48);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(BigInt(offset + length), 8);
  return [end64, locator, end];
}
