/** Injects faults into the calls of a command on files, one at a time, and checks what follows. */
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { Random } from "../../src/random/index.js";
import { inputsIn, longCommands, resultsOf, type LongCommand } from "./long-commands.js";
import { runCliHere, type Outcome } from "./run-cli-here.js";
import { tinyHub } from "./tiny-hub.js";
import { configure, injectedFaults, type Fault } from "./shim.js";

export interface Call {
  readonly op: string;
  readonly path: string;
  readonly nth: number;
}

export interface FaultReport {
  readonly command: string;
  /** Calls of the command on files. */
  readonly calls: number;
  /** Kind -> faults that were injected. */
  readonly injected: Readonly<Record<string, number>>;
  /** Kind -> those after which the command succeeded all the same. */
  readonly survived: Readonly<Record<string, number>>;
  /** What was not as it must be; empty if all is well. */
  readonly problems: readonly string[];
}

const errorsOf: Readonly<Record<string, readonly string[]>> = {
  stat: ["EACCES", "EIO"],
  lstat: ["EACCES", "EIO"],
  realpath: ["EIO"],
  open: ["EACCES", "EIO", "EMFILE", "EMFILE+", "ENOSPC", "EROFS"],
  readdir: ["EACCES", "EIO", "EMFILE"],
  readFile: ["EACCES", "EIO", "EMFILE"],
  readFileSync: ["EACCES", "EIO", "EMFILE"],
  read: ["EIO", "short"],
  "handle.read": ["EIO", "short"],
  "handle.readFile": ["EIO"],
  "handle.stat": ["EIO"],
  "handle.write": ["ENOSPC", "EIO", "short", "fill"],
  "handle.writeFile": ["ENOSPC", "EIO"],
  "handle.appendFile": ["ENOSPC", "EIO"],
  writeFile: ["ENOSPC", "EIO"],
  "handle.sync": ["ENOSPC", "EIO"],
  "handle.close": ["EIO"],
  mkdir: ["EACCES", "ENOSPC", "EROFS"],
  rename: ["EACCES", "EIO", "ENOSPC"],
  link: ["EACCES", "EIO", "ENOSPC"],
  symlink: ["EACCES", "EIO", "ENOSPC"],
  rm: ["EACCES", "EIO"],
  rmdir: ["EIO"],
  statfs: ["EIO"],
  message: ["end"],
};
const dayMs = 24 * 60 * 60_000;
const clocks = [2 * dayMs, -2 * dayMs];

/** All faults of a call: `EMFILE+` fails all later opens too. */
function faultsOf(call: Call): Fault[] {
  const errors = (errorsOf[call.op] ?? []).map((kind) =>
    kind === "EMFILE+" ? { ...call, kind: "EMFILE", lasting: true } : { ...call, kind, amount: 100 },
  );
  return [...errors, ...clocks.map((amount) => ({ ...call, kind: "clock", amount }))];
}

const labelOf = ({ kind, lasting, amount = 0 }: Fault) =>
  lasting === true ? `${kind}+` : kind === "clock" ? `clock${amount > 0 ? "+" : "-"}` : kind;

export interface FaultOptions {
  /** Number of faults, sampled; all by default. */
  readonly count?: number;
  readonly seed?: number;
}

const leftOut = /left out/;
const timeoutMs = 30_000;

/** @param root a folder that `makeInputs` has filled */
export async function injectFaults(root: string, name: string, options: FaultOptions = {}): Promise<FaultReport> {
  const { count = Infinity, seed = 0 } = options;
  const command = longCommands(inputsIn(root)).find((one) => one.name === name)!;
  const out = join(root, `out-${name}`);
  const record = join(await mkdtemp(join(tmpdir(), "bridgetower-faults-")), "calls.jsonl");
  const problems: string[] = [];
  const injected: Record<string, number> = {};
  const survived: Record<string, number> = {};
  const fresh = async () => {
    await rm(out, { recursive: true, force: true });
    await command.before?.(out);
  };
  const hub = command.downloads === undefined ? undefined : await tinyHub(command.downloads);
  const { env } = process;
  if (hub !== undefined) {
    const { HF_HUB_OFFLINE: _, ...rest } = env;
    process.env = { ...rest, HF_ENDPOINT: hub.endpoint, HF_HUB_CACHE: out, HF_TOKEN_PATH: join(root, "no-token") };
  }
  try {
    await fresh();
    const old = await resultsOf(command, out);
    configure({ root, record });
    const reference = await runCliHere(command.args(out));
    configure(undefined);
    if (reference.code !== 0) throw new Error(`${name}: ${reference.stderr}`);
    const expected = await resultsOf(command, out);
    const calls = (await readFile(record, "utf8"))
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Call);
    const faults = sample(calls.flatMap(faultsOf), count, new Random(seed).at(name));
    for (const fault of faults) {
      const label = labelOf(fault);
      const where = `${label} at ${fault.op} ${fault.path} (${fault.nth})`;
      await fresh();
      configure({ root, faults: [fault] });
      const outcome = await withTimeout(runCliHere(command.args(out)));
      const met = injectedFaults();
      configure(undefined);
      if (outcome === undefined) throw new Error(`${name}: no end after ${timeoutMs} ms: ${where}`);
      // Calls whose order varies may not occur.
      if (met > 0) injected[label] = (injected[label] ?? 0) + 1;
      if (outcome.code === 0) survived[label] = (survived[label] ?? 0) + (met > 0 ? 1 : 0);
      const now = await resultsOf(command, out);
      // An image that this user may not read is left out, with a message.
      const isLeftOut = outcome.code === 0 && fault.kind === "EACCES" && leftOut.test(outcome.stdout + outcome.stderr);
      const found = isLeftOut
        ? []
        : [
            ...problemsOf(command, fault, outcome, reference),
            ...stateProblems(command, outcome, now, { old, expected }),
          ];
      if (isLeftOut && name !== "prepare") continue;
      await asIfEnded(out);
      // The next run cleans up, and has the results of a run without faults.
      const again = await runCliHere(command.args(out));
      const after = await resultsOf(command, out);
      if (again.code !== 0) found.push(`the next run fails: ${again.stderr.trim().split("\n").at(-1)}`);
      else if (!isDeepStrictEqual(after, expected)) found.push(`the next run gives ${difference(after, expected)}`);
      else if (command.printsResult && again.stdout !== reference.stdout)
        found.push("the next run prints another result");
      problems.push(...found.map((problem) => `${where}: ${problem}`));
    }
    return { command: name, calls: calls.length, injected, survived, problems };
  } finally {
    configure(undefined);
    process.env = env;
    hub?.close();
    await rm(join(record, ".."), { recursive: true });
  }
}

/** Makes the names of unfinished files and the lock those of a process that has ended: the next command runs in the same process. */
async function asIfEnded(out: string): Promise<void> {
  const entries = await readdir(out, { recursive: true }).catch(() => []);
  for (const entry of entries.sort().reverse()) {
    const name = basename(entry);
    const path = join(out, entry);
    if (name.endsWith(".lock")) {
      await writeFile(path, (await readFile(path, "utf8")).replace(`"pid":${process.pid},`, `"pid":${endedPid},`));
    }
    const renamed = name.replace(`-${process.pid}-`, `-${endedPid}-`);
    if (renamed !== name) await rename(path, join(dirname(path), renamed));
  }
}

/** No system has a process of this number. */
const endedPid = 2 ** 30;

function problemsOf(command: LongCommand, fault: Fault, outcome: Outcome, reference: Outcome): string[] {
  const { code, stdout, stderr } = outcome;
  const isWarning = (line: string) => /^(bridgetower: warning: |step \d|left out|\s|$)/.test(line);
  const lines = stderr.split("\n").filter((line) => !isWarning(line));
  if (code === 0) {
    return command.printsResult && stdout !== reference.stdout ? ["exit code 0 and another result"] : [];
  }
  const found: string[] = [];
  if (code !== 1) found.push(`exit code ${code}`);
  const [line = "", ...more] = lines;
  if (more.length > 0) found.push(`${lines.length} lines: ${lines.join(" | ").slice(0, 300)}`);
  // The thread has no file that the user knows.
  if (fault.kind === "end")
    return /^bridgetower: .*(ended|has ended|exited|thread|worker)/.test(line) ? found : [...found, line];
  if (line.includes("internal error")) found.push(line);
  else if (!/^bridgetower: .*: expected .*, found .*\. [A-Z].*\.$/.test(line)) found.push(`no hint: ${line}`);
  // Later calls may fail instead.
  else if (fault.lasting !== true && !names(line, fault.path)) found.push(`the file is not named: ${line}`);
  return found;
}

/** Whether the error names the file, its final name, or the folder that it is in. */
function names(line: string, path: string): boolean {
  const parts = path.split("/").map((part) => part.replace(/^\.(.*)\.TAG\..*$/, "$1"));
  return parts.some((part) => part !== "" && line.includes(part)) || line.includes(basename(path));
}

interface States {
  readonly old: Readonly<Record<string, string>>;
  readonly expected: Readonly<Record<string, string>>;
}

/** Files under final names are those of before, or the new ones: all of them, unless they are independent of each other. */
function stateProblems(
  { name }: LongCommand,
  { code }: Outcome,
  now: States["old"],
  { old, expected }: States,
): string[] {
  const visible = withoutHidden(now);
  // A cache that cannot be written is used all the same.
  const isWhole = (files: States["old"]) =>
    name === "download" ? isPartOf(files, expected) : isDeepStrictEqual(files, expected);
  if (code === 0) return isWhole(visible) ? [] : [`exit code 0 and ${difference(now, expected)}`];
  const isTrain = name === "train";
  const isPart = Object.entries(visible).every(
    ([file, hash]) => isTrain || hash === expected[file] || hash === old[file],
  );
  if (!isPart) return [`a file that is neither the old nor the new one: ${difference(visible, expected)}`];
  const isSet = name === "convert" || name === "export" || name === "evaluate";
  if (isSet && !isDeepStrictEqual(visible, old) && !isDeepStrictEqual(visible, expected)) {
    return [`a mix of old and new files: ${difference(visible, old)}`];
  }
  return [];
}

const isPartOf = (files: States["old"], all: States["old"]) =>
  Object.entries(files).every(([file, hash]) => all[file] === hash);

const withoutHidden = (files: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(files).filter(([, hash]) => hash !== "hidden"));

function difference(found: Readonly<Record<string, string>>, expected: Readonly<Record<string, string>>): string {
  const names = [...new Set([...Object.keys(found), ...Object.keys(expected)])];
  const state = (name: string) =>
    found[name] === undefined ? "no" : expected[name] === undefined ? "also" : "another";
  const different = names.filter((name) => found[name] !== expected[name]).map((name) => `${state(name)} ${name}`);
  return different.slice(0, 6).join(", ");
}

/** Faults of different kinds, in a random order that the seed decides. */
function sample(faults: readonly Fault[], count: number, random: Random): Fault[] {
  if (faults.length <= count) return [...faults];
  const keyed = faults.map((fault) => ({ fault, key: random.uniform() })).sort((a, b) => a.key - b.key);
  // One of each kind before the second of any.
  const rank = new Map<string, number>();
  const ranked = keyed.map(({ fault }) => {
    const kind = `${fault.op} ${labelOf(fault)}`;
    rank.set(kind, (rank.get(kind) ?? 0) + 1);
    return { fault, rank: rank.get(kind)! };
  });
  return ranked
    .sort((a, b) => a.rank - b.rank)
    .slice(0, count)
    .map(({ fault }) => fault);
}

async function withTimeout<T>(work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), timeoutMs);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
