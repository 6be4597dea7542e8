/**
 * A pickle machine for data, not code. It supports the opcodes of protocols 1 to 5 that are used for dictionaries of tensors. Names resolve
 * only through the host's table, so a file cannot import or call anything else. Opcodes as in CPython's `pickletools`.
 */

import { InputError } from "../errors.js";

/**
 * What a file may refer to by name: calling it (`REDUCE`) yields a value; without `call` it is only a token. Instances
 * (`NEWOBJ`) exist of names that a host marks `foreign`, and are `ForeignObject`s.
 */
export interface PickleGlobal<T> {
  readonly kind: "global";
  readonly name: string;
  readonly foreign?: boolean;
  readonly call?: (args: readonly PickleValue<T>[]) => PickleValue<T>;
}

/**
 * An instance of an unknown class, or the result of calling an unknown name: the name, and the state that followed in the pickle. The class
 * is neither looked up nor run.
 */
export class ForeignObject {
  state: unknown = undefined;

  constructor(readonly name: string) {}
}

/** Python's None, bool, int, float, str, bytes, list, tuple or set, dict, and the host's own `T`. Lists may hold themselves. */
export type PickleValue<T> =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue<T>[]
  | Map<PickleValue<T>, PickleValue<T>>
  | PickleGlobal<T>
  | ForeignObject
  | T;

export interface PickleHost<T> {
  /** File and entry, for messages. */
  readonly where: string;
  /** Resolves `module.name`; undefined refuses the file. */
  readonly global: (name: string) => PickleGlobal<T> | undefined;
  /** Resolves a persistent id. */
  readonly persistent: (id: PickleValue<T>) => PickleValue<T>;
}

/** Far above any state dict (a large model has about a thousand tensors), low enough for any machine's memory. */
const maxOperations = 2_000_000;

/** The value of a pickle. @throws InputError for opcodes, names or bytes that a table of tensors has no use for. */
export function unpickle<T>(bytes: Uint8Array, host: PickleHost<T>): PickleValue<T> {
  return unpickleNext(bytes, host).value;
}

/** The value of the pickle at the beginning of `bytes`, and its length: a file may hold several in a row. */
export function unpickleNext<T>(
  bytes: Uint8Array,
  host: PickleHost<T>,
): { readonly value: PickleValue<T>; readonly length: number } {
  const machine = new PickleMachine(bytes, host);
  for (let operations = 0; operations < maxOperations; operations++) {
    if (machine.step() === "stop") return { value: machine.result(), length: machine.length };
  }
  throw machine.problem(`at most ${maxOperations} operations`, "more");
}

class PickleMachine<T> {
  private readonly view: DataView;
  private readonly memo = new Map<number, PickleValue<T>>();
  private stack: PickleValue<T>[] = [];
  /** Stacks set aside by MARK, outermost first. */
  private readonly marked: PickleValue<T>[][] = [];
  private at = 0;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly host: PickleHost<T>,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes read so far. */
  get length(): number {
    return this.at;
  }

  result(): PickleValue<T> {
    return this.pop();
  }

  step(): "stop" | "continue" {
    const start = this.at;
    const opcode = this.uint8();
    switch (opcode) {
      case 0x2e: // STOP
        return "stop";
      case 0x80: // PROTO
        this.checkProtocol(this.uint8());
        break;
      case 0x95: // FRAME
        this.skip(8);
        break;
      case 0x28: // MARK
        this.marked.push(this.stack);
        this.stack = [];
        break;
      case 0x30: // POP
        this.pop();
        break;
      case 0x31: // POP_MARK
        this.popMark();
        break;
      case 0x32: // DUP
        this.push(this.top());
        break;
      case 0x4e: // NONE
        this.push(null);
        break;
      case 0x88: // NEWTRUE
        this.push(true);
        break;
      case 0x89: // NEWFALSE
        this.push(false);
        break;
      case 0x49: // INT, which protocol 1 uses for booleans alone
        this.push(this.flag(start));
        break;
      case 0x4c: // LONG
        this.push(this.longLine());
        break;
      case 0x4a: // BININT
        this.push(this.view.getInt32(this.skip(4), true));
        break;
      case 0x4b: // BININT1
        this.push(this.uint8());
        break;
      case 0x4d: // BININT2
        this.push(this.view.getUint16(this.skip(2), true));
        break;
      case 0x8a: // LONG1
        this.push(this.long(this.uint8()));
        break;
      case 0x47: // BINFLOAT
        this.push(this.view.getFloat64(this.skip(8), false));
        break;
      case 0x8c: // SHORT_BINUNICODE
        this.push(this.text(this.uint8()));
        break;
      case 0x58: // BINUNICODE
        this.push(this.text(this.uint32()));
        break;
      case 0x8d: // BINUNICODE8
        this.push(this.text(this.uint64()));
        break;
      case 0x43: // SHORT_BINBYTES
        this.push(this.slice(this.uint8()));
        break;
      case 0x42: // BINBYTES
        this.push(this.slice(this.uint32()));
        break;
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        this.push(this.slice(this.uint64()));
        break;
      case 0x5d: // EMPTY_LIST
      case 0x29: // EMPTY_TUPLE
      case 0x8f: // EMPTY_SET
        this.push([]);
        break;
      case 0x61: // APPEND
        this.append([this.pop()]);
        break;
      case 0x65: // APPENDS
      case 0x90: // ADDITEMS
        this.append(this.popMark());
        break;
      case 0x74: // TUPLE
      case 0x91: // FROZENSET
        this.push(this.popMark());
        break;
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        this.push(this.popMany(opcode - 0x84));
        break;
      case 0x7d: // EMPTY_DICT
        this.push(new Map());
        break;
      case 0x73: // SETITEM
        this.setItems(this.popMany(2));
        break;
      case 0x75: // SETITEMS
        this.setItems(this.popMark());
        break;
      case 0x63: // GLOBAL
        this.push(this.global(this.line(), this.line()));
        break;
      case 0x93: // STACK_GLOBAL
        this.stackGlobal();
        break;
      case 0x52: // REDUCE
        this.reduce();
        break;
      case 0x81: // NEWOBJ
        this.instantiate(2);
        break;
      case 0x92: // NEWOBJ_EX
        this.instantiate(3);
        break;
      case 0x62: // BUILD
        this.build();
        break;
      case 0x51: // BINPERSID
        this.push(this.host.persistent(this.pop()));
        break;
      case 0x71: // BINPUT
        this.memo.set(this.uint8(), this.top());
        break;
      case 0x72: // LONG_BINPUT
        this.memo.set(this.uint32(), this.top());
        break;
      case 0x94: // MEMOIZE
        this.memo.set(this.memo.size, this.top());
        break;
      case 0x68: // BINGET
        this.push(this.recall(this.uint8()));
        break;
      case 0x6a: // LONG_BINGET
        this.push(this.recall(this.uint32()));
        break;
      default:
        throw this.unknownOpcode(opcode, start);
    }
    return "continue";
  }

  problem(expected: string, found: string): InputError {
    const hint = "Use a file that holds only tensors, preferably as safetensors; no code in this one was run";
    return new InputError({ code: "invalid-checkpoint", where: this.host.where, expected, found, hint });
  }

  private unknownOpcode(opcode: number, at: number): InputError {
    const found = `opcode 0x${opcode.toString(16).padStart(2, "0")} at byte ${at}`;
    return this.problem("the opcodes of a table of tensors", found);
  }

  private checkProtocol(protocol: number): void {
    if (protocol < 2 || protocol > 5) throw this.problem("pickle protocol 2 to 5", `protocol ${protocol}`);
  }

  private global(module: string, name: string): PickleGlobal<T> {
    const full = `${module}.${name}`;
    const global = this.host.global(full);
    if (global === undefined)
      throw this.problem("tensors and plain values only", `a reference to ${full.slice(0, 200)}`);
    return global;
  }

  private stackGlobal(): void {
    const [module, name] = this.popMany(2);
    if (typeof module !== "string" || typeof name !== "string") throw this.problem("a name as text", "another value");
    this.push(this.global(module, name));
  }

  private reduce(): void {
    const [callee, args] = this.popMany(2);
    if (!isGlobal(callee) || callee.call === undefined || !Array.isArray(args)) {
      throw this.problem(
        "a call that rebuilds a tensor",
        isGlobal(callee) ? `a call of ${callee.name}` : "another call",
      );
    }
    this.push(callee.call(args));
  }

  /** @param operands  the class, and the arguments that are not looked at */
  private instantiate(operands: 2 | 3): void {
    const [type] = this.popMany(operands);
    if (!isGlobal(type) || type.foreign !== true) {
      throw this.problem("tensors and plain values only", `an instance of ${isGlobal(type) ? type.name : "a value"}`);
    }
    this.push(new ForeignObject(type.name));
  }

  /** State of an object. That of a dict, such as the `_metadata` of a state dict, is not needed for tensors. */
  private build(): void {
    const state = this.pop();
    const object = this.top();
    if (object instanceof ForeignObject) object.state = state;
    else if (!(object instanceof Map)) {
      throw this.problem("extra state on a dict only", "extra state on another value");
    }
  }

  private append(values: PickleValue<T>[]): void {
    const list = this.top();
    if (list instanceof ForeignObject) return;
    if (!Array.isArray(list)) throw this.problem("a list to append to", "another value");
    for (const value of values) list.push(value);
  }

  private setItems(items: PickleValue<T>[]): void {
    const dict = this.top();
    if (dict instanceof ForeignObject) return;
    if (!(dict instanceof Map) || items.length % 2 !== 0) throw this.problem("keys and values for a dict", "others");
    for (let i = 0; i < items.length; i += 2) dict.set(items[i]!, items[i + 1]!);
  }

  private push(value: PickleValue<T>): void {
    this.stack.push(value);
  }

  private top(): PickleValue<T> {
    const value = this.stack.at(-1);
    if (value === undefined) throw this.problem("a value on the stack", "none");
    return value;
  }

  private pop(): PickleValue<T> {
    const value = this.top();
    this.stack.pop();
    return value;
  }

  private popMany(count: number): PickleValue<T>[] {
    if (this.stack.length < count) throw this.problem(`${count} values on the stack`, String(this.stack.length));
    return this.stack.splice(-count);
  }

  private popMark(): PickleValue<T>[] {
    const outer = this.marked.pop();
    if (outer === undefined) throw this.problem("a mark on the stack", "none");
    const values = this.stack;
    this.stack = outer;
    return values;
  }

  private recall(index: number): PickleValue<T> {
    const value = this.memo.get(index);
    if (value === undefined) throw this.problem(`a remembered value ${index}`, "none");
    return value;
  }

  /** Skips `count` bytes and returns their start. */
  private skip(count: number): number {
    const start = this.at;
    if (count > this.bytes.length - start) {
      throw this.problem("a whole pickle", `its end after ${this.bytes.length} bytes`);
    }
    this.at += count;
    return start;
  }

  private uint8(): number {
    return this.view.getUint8(this.skip(1));
  }

  private uint32(): number {
    return this.view.getUint32(this.skip(4), true);
  }

  private uint64(): number {
    return Number(this.view.getBigUint64(this.skip(8), true));
  }

  private flag(start: number): boolean {
    const line = this.line();
    if (line !== "00" && line !== "01") throw this.unknownOpcode(0x49, start);
    return line === "01";
  }

  /** A decimal number with an L behind it. */
  private longLine(): number | bigint {
    const line = this.line();
    if (!/^-?\d{1,18}L?$/.test(line)) throw this.problem("integers of at most 18 digits", "another line");
    const value = BigInt(line.replace("L", ""));
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  /** A signed little-endian integer of up to 8 bytes. */
  private long(length: number): number | bigint {
    if (length > 8) throw this.problem("integers of at most 64 bits", `one of ${length} bytes`);
    const value = this.slice(length).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    const signed = BigInt.asIntN(8 * length, value);
    return Number.isSafeInteger(Number(signed)) ? Number(signed) : signed;
  }

  private slice(length: number): Uint8Array {
    const start = this.skip(length);
    return this.bytes.subarray(start, start + length);
  }

  private text(length: number): string {
    const bytes = this.slice(length);
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw this.problem("text in UTF-8", "other bytes");
    }
  }

  private line(): string {
    const end = this.bytes.indexOf(0x0a, this.at);
    if (end < 0) throw this.problem("a whole pickle", `its end after ${this.bytes.length} bytes`);
    const text = this.text(end - this.at);
    this.skip(1);
    return text;
  }
}

function isGlobal<T>(value: PickleValue<T> | undefined): value is PickleGlobal<T> {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "global";
}
