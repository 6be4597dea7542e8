/**
 * The functions of MPI that ranks need, called in the machine's own libmpi through koffi. Sums and broadcasts run on a thread and use the
 * caller's buffers, so that the event loop stays free.
 */
import type { LibraryHandle } from "koffi";
import { InputError } from "../../errors.js";

type Environment = Readonly<Record<string, string | undefined>>;

export interface Mpi {
  /** Name and version that the library reports. */
  readonly version: string;
  /** Called, as `finalize`, on the main thread. */
  initialize(): { readonly rank: number; readonly size: number };
  /**
   * Starts to gather as many bytes from every rank, and returns at once. Neither buffer may be touched before it is done.
   * @param all room for the bytes of every rank, in order of rank
   * @returns whether it is done; call it until it is
   */
  startGather(bytes: Uint8Array<ArrayBuffer>, all: Uint8Array<ArrayBuffer>): () => boolean;
  /** In place; at most 2^31 - 1 elements. */
  sum(array: Float32Array): Promise<void>;
  /** From the root to all others; at most 2^31 - 1 bytes. */
  broadcast(bytes: Uint8Array, root: number): Promise<void>;
  finalize(): void;
  /** Ends the processes of all ranks, this one first. */
  abort(): void;
}

type Handle = number | bigint;

/** Values from mpi.h, which has two forms. */
interface Constants {
  /** How functions are given handles. */
  readonly handle: "void *" | "int";
  readonly world: Handle;
  readonly float: Handle;
  readonly byte: Handle;
  readonly sum: Handle;
  readonly inPlace: bigint;
  readonly ignoreStatus: bigint;
}

const openMpiNames = ["libmpi.so.40", "libmpi.40.dylib"];
/** MPICH and libraries with its binary interface: Intel MPI, MVAPICH, Cray MPICH. */
const mpichNames = ["libmpi.so.12", "libmpich.so.12", "libmpi.12.dylib"];
const anyNames = ["libmpi.so", "libmpi.dylib"];

/** Calls come one after another, from any thread. */
const serialized = 2;
const multiple = 3;

/**
 * The library of the launcher that set the variables.
 * @throws InputError without koffi or libmpi, and for a library whose handles are not known
 */
export async function loadMpi(env: Environment = process.env): Promise<Mpi> {
  const names =
    env.OMPI_COMM_WORLD_SIZE === undefined ? [...mpichNames, ...openMpiNames] : [...openMpiNames, ...mpichNames];
  const library = await openLibrary([...names, ...anyNames]);
  const version = versionOf(library);
  const constants = openMpiConstants(library) ?? mpichConstants(version);
  if (constants !== undefined) return bind(library, version, constants);
  throw new InputError({
    code: "runtime-failed",
    where: "libmpi",
    expected: "Open MPI, or a library with the binary interface of MPICH",
    found: version,
    hint: "Use the mpirun of Open MPI, MPICH or Intel MPI",
  });
}

async function openLibrary(names: readonly string[]): Promise<LibraryHandle> {
  const koffi = await import("koffi").catch((cause: unknown) => {
    throw new InputError(
      {
        code: "runtime-failed",
        where: "koffi",
        expected: "the optional dependency koffi, which calls libmpi in a process started by an MPI launcher",
        found: "no such package",
        hint: "Install it with npm install koffi",
      },
      { cause },
    );
  });
  for (const name of names) {
    try {
      // Open MPI opens plug-ins that look for its symbols.
      return koffi.default.load(name, { global: true });
    } catch {
      continue;
    }
  }
  throw new InputError({
    code: "runtime-failed",
    where: "libmpi",
    expected: `the library of the mpirun that started this process (${[...openMpiNames, ...mpichNames].join(", ")})`,
    found: "none that can be loaded",
    hint: "Install it, such as with apt-get install libopenmpi-dev, or name its folder in LD_LIBRARY_PATH",
  });
}

function versionOf(library: LibraryHandle): string {
  const text = new Uint8Array(8192);
  const length = new Int32Array(1);
  call(library.func("MPI_Get_library_version", "int", ["void *", "void *"]), text, length);
  // The rest says who built it, and when.
  const [line] = Buffer.from(text.buffer, 0, Math.max(0, length[0]!))
    .toString()
    .split(/[\n,\0]/);
  return line!.replace(/\s+/g, " ").trim();
}

/** Handles are addresses of variables (ompi `mpi.h.in`, `OMPI_PREDEFINED_GLOBAL`). */
function openMpiConstants(library: LibraryHandle): Constants | undefined {
  const address = (name: string): bigint => library.symbol(name) as bigint;
  try {
    return {
      handle: "void *",
      world: address("ompi_mpi_comm_world"),
      float: address("ompi_mpi_float"),
      byte: address("ompi_mpi_byte"),
      sum: address("ompi_mpi_op_sum"),
      inPlace: 1n,
      ignoreStatus: 0n,
    };
  } catch {
    return undefined;
  }
}

/** Handles are numbers that the MPICH ABI Compatibility Initiative keeps fixed (mpich `mpi.h.in`). */
function mpichConstants(version: string): Constants | undefined {
  if (!/MPICH|Intel\(R\) MPI/i.test(version)) return undefined;
  return {
    handle: "int",
    world: 0x44000000,
    float: 0x4c00040a,
    byte: 0x4c00010d,
    sum: 0x58000003,
    inPlace: -1n,
    ignoreStatus: 1n,
  };
}

function bind(library: LibraryHandle, version: string, constants: Constants): Mpi {
  const { handle, world, float, byte, sum, inPlace, ignoreStatus } = constants;
  const gather = ["void *", "int", handle, "void *", "int", handle, handle, "void *"];
  const startGather = library.func("MPI_Iallgather", "int", gather);
  const test = library.func("MPI_Test", "int", ["void *", "void *", "intptr_t"]);
  const allReduce = library.func("MPI_Allreduce", "int", ["intptr_t", "void *", "int", handle, handle, handle]);
  const broadcast = library.func("MPI_Bcast", "int", ["void *", "int", handle, "int", handle]);
  const initialize = library.func("MPI_Init_thread", "int", ["void *", "void *", "int", "void *"]);
  const numberOf = (name: string): number => {
    const found = new Int32Array(1);
    call(library.func(name, "int", [handle, "void *"]), world, found);
    return found[0]!;
  };
  return {
    version,
    initialize() {
      const provided = new Int32Array(1);
      call(initialize, null, null, multiple, provided);
      if (provided[0]! < serialized) {
        throw new InputError({
          code: "runtime-failed",
          where: version,
          expected: "MPI_THREAD_SERIALIZED, calls from more than one thread",
          found: `thread level ${provided[0]!}`,
          hint: "Use a libmpi that was built with support for threads",
        });
      }
      return { rank: numberOf("MPI_Comm_rank"), size: numberOf("MPI_Comm_size") };
    },
    startGather(bytes, all) {
      // Room for a handle of either form. The library writes to it later: V8 moves short arrays, but none that has its own ArrayBuffer.
      const request = new Uint8Array(new ArrayBuffer(8));
      const done = new Int32Array(1);
      call(startGather, bytes, bytes.length, byte, all, bytes.length, byte, world, request);
      return () => {
        call(test, request, done, ignoreStatus);
        return done[0] !== 0;
      };
    },
    sum: (array) => callOnThread(allReduce, inPlace, array, array.length, float, sum, world),
    broadcast: (bytes, root) => callOnThread(broadcast, bytes, bytes.length, byte, root, world),
    finalize: () => call(library.func("MPI_Finalize", "int", [])),
    abort: () => call(library.func("MPI_Abort", "int", [handle, "int"]), world, 1),
  };
}

type ForeignFunction = ReturnType<LibraryHandle["func"]>;
type Argument = Handle | Float32Array | Uint8Array | Int32Array | null;

function call(f: ForeignFunction, ...given: readonly Argument[]): void {
  check(f, f(...given));
}

async function callOnThread(f: ForeignFunction, ...given: readonly Argument[]): Promise<void> {
  const code = await new Promise((resolve, reject) => {
    f.async(...given, (error: Error | null, result: unknown) => (error === null ? resolve(result) : reject(error)));
  });
  check(f, code);
}

/** By default MPI ends the processes itself when a call fails. */
function check({ info }: ForeignFunction, code: unknown): void {
  if (code !== 0) throw new Error(`${info.name} failed with code ${String(code)}`);
}
