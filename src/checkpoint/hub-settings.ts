/** The hub and its cache: options first, then the environment variables that Python's hub library reads. */

import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";

import { InputError } from "../errors.js";

/** Progress of one file, in the words of transformers.js. */
export interface HubProgress {
  readonly status: "initiate" | "download" | "progress" | "done";
  /** The model's id. */
  readonly name: string;
  readonly file: string;
  /** Percent, 0..100. */
  readonly progress: number;
  /** Bytes so far. */
  readonly loaded: number;
  /** Bytes in the whole file; 0 until the hub has said so. */
  readonly total: number;
}

export interface HubOptions {
  /** Branch, tag or commit; `main` unless given. */
  readonly revision?: string | undefined;
  /** The hub cache's folder; `HF_HUB_CACHE`, `$HF_HOME/hub` or `~/.cache/huggingface/hub` unless given. */
  readonly cacheDir?: string | undefined;
  /** Access token; `HF_TOKEN`, or the file that `huggingface-cli login` wrote, unless given. */
  readonly token?: string | undefined;
  /** Never use the network; as `HF_HUB_OFFLINE=1`. */
  readonly localFilesOnly?: boolean | undefined;
  readonly onDownload?: ((event: HubProgress) => void) | undefined;
  /** The hub's address; `HF_ENDPOINT` or https://huggingface.co unless given. */
  readonly endpoint?: string | undefined;
  /** Stops a download and rejects the call with the signal's reason. What has been downloaded stays, and the next call continues it. */
  readonly signal?: AbortSignal | undefined;
}

export interface HubSettings {
  readonly revision: string;
  readonly cacheDir: string;
  readonly token: string | undefined;
  readonly offline: boolean;
  readonly endpoint: URL;
  /** Time without a byte from the hub, in ms, after which a connection counts as broken. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

const defaultTimeoutSeconds = 30;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Options completed from the environment: HF_HOME, HF_HUB_CACHE, HF_TOKEN, HF_TOKEN_PATH, HF_ENDPOINT, HF_HUB_OFFLINE,
 * HF_HUB_DOWNLOAD_TIMEOUT (seconds), XDG_CACHE_HOME. An empty variable counts as none.
 * @throws InputError for an endpoint that is no http address, or a revision or token of the wrong form
 */
export async function hubSettings(options: HubOptions, environment: Environment): Promise<HubSettings> {
  const variable = (name: string) => (environment[name] === "" ? undefined : environment[name]);
  const userCache = variable("XDG_CACHE_HOME") ?? join(homedir(), ".cache");
  const home = expandHome(variable("HF_HOME") ?? join(userCache, "huggingface"));
  const cacheDir = options.cacheDir ?? variable("HF_HUB_CACHE") ?? join(home, "hub");
  const tokenFile = expandHome(variable("HF_TOKEN_PATH") ?? join(home, "token"));
  return {
    revision: checkedRevision(options.revision ?? "main"),
    cacheDir: resolve(expandHome(cacheDir)),
    token: checkedToken(options.token ?? variable("HF_TOKEN") ?? (await readToken(tokenFile))),
    offline: options.localFilesOnly ?? /^(1|true|yes|on)$/i.test(variable("HF_HUB_OFFLINE") ?? ""),
    endpoint: checkedEndpoint(options.endpoint ?? variable("HF_ENDPOINT") ?? "https://huggingface.co"),
    timeoutMs: 1000 * checkedTimeout(variable("HF_HUB_DOWNLOAD_TIMEOUT")),
    signal: options.signal,
  };
}

function expandHome(path: string): string {
  return path === "~" || path.startsWith("~/") ? join(homedir(), path.slice(1)) : path;
}

async function readToken(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch(() => undefined);
}

function checkedToken(token: string | undefined): string | undefined {
  const trimmed = token?.trim();
  if (trimmed === undefined || trimmed === "") return undefined;
  if (/^[\x21-\x7e]+$/.test(trimmed)) return trimmed;
  throw new InputError({
    code: "invalid-setting",
    where: "HF_TOKEN",
    expected: "an access token: visible ASCII characters",
    found: "others",
    hint: "Copy the token again from the hub's settings page",
  });
}

function checkedRevision(revision: string): string {
  const parts = revision.split("/");
  if (revision.length <= 200 && parts.every((part) => /^[\w.+-]+$/.test(part) && !/^\.+$/.test(part))) return revision;
  throw new InputError({
    code: "invalid-argument",
    where: "revision",
    expected: "a branch, tag or commit",
    found: JSON.stringify(revision),
  });
}

function checkedTimeout(text: string | undefined): number {
  if (text === undefined) return defaultTimeoutSeconds;
  const seconds = Number(text);
  // The longest time that a timer takes.
  if (seconds > 0 && seconds <= 2_000_000) return seconds;
  throw new InputError({
    code: "invalid-setting",
    where: "HF_HUB_DOWNLOAD_TIMEOUT",
    expected: "a number of seconds above 0",
    found: JSON.stringify(text),
  });
}

function checkedEndpoint(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && (url.protocol === "https:" || url.protocol === "http:")) return url;
  throw new InputError({
    code: "invalid-setting",
    where: "HF_ENDPOINT",
    expected: "an address such as https://huggingface.co",
    found: text,
  });
}
