/** The hub and its cache: options first, then the environment variables that Python's hub library reads. */

import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";

import { booleanType, callbackType, signalType, stringType, type OptionTypes } from "../arguments.js";
import { InputError } from "../errors.js";

/** Progress of one file, in the words of transformers.js. */
export interface HubProgress {
  /** `retry`: the hub did not answer, and is asked again after a pause; `message` says why and when. */
  readonly status: "initiate" | "download" | "progress" | "done" | "retry";
  /** The model's id. */
  readonly name: string;
  /** Empty for the description of the model. */
  readonly file: string;
  /** Percent, 0..100. */
  readonly progress: number;
  /** Bytes so far. */
  readonly loaded: number;
  /** Bytes in the whole file; 0 until the hub has said so. */
  readonly total: number;
  readonly message?: string;
}

export interface HubOptions {
  /** Branch, tag or commit; `main` unless given. */
  readonly revision?: string | undefined;
  /** The hub cache's folder; `HF_HUB_CACHE`, `$HF_HOME/hub` or `~/.cache/huggingface/hub` unless given. */
  readonly cacheDir?: string | undefined;
  /** Access token; `HF_TOKEN`, or the file that `hf auth login` wrote, unless given. */
  readonly token?: string | undefined;
  /** Never use the network; as `HF_HUB_OFFLINE=1`. */
  readonly localFilesOnly?: boolean | undefined;
  readonly onDownload?: ((event: HubProgress) => void) | undefined;
  /** Called with a message: a copy in the cache is used since the hub did not answer, a token was refused, a file has no hash. */
  readonly onWarning?: ((message: string) => void) | undefined;
  /** The hub's address; `HF_ENDPOINT` or https://huggingface.co unless given. */
  readonly endpoint?: string | undefined;
  /** Stops a download and rejects the call with the signal's reason. What has been downloaded stays, and the next call continues it. */
  readonly signal?: AbortSignal | undefined;
}

/** The types of `HubOptions`. */
export const hubOptions: OptionTypes<HubOptions> = {
  revision: stringType,
  cacheDir: stringType,
  token: stringType,
  localFilesOnly: booleanType,
  onDownload: callbackType,
  onWarning: callbackType,
  endpoint: stringType,
  signal: signalType,
};

export interface HubSettings {
  readonly revision: string;
  readonly cacheDir: string;
  readonly token: string | undefined;
  /** Where the token was found: an option, a variable or a file. */
  readonly tokenSource: string;
  readonly offline: boolean;
  /** The option or variable that forbids the network. */
  readonly offlineSource: string;
  readonly endpoint: URL;
  /** Time without a byte from the hub, in ms, after which a connection counts as broken. */
  readonly timeoutMs: number;
  /** The same for the first answer if a copy in the cache can be used instead, in ms. */
  readonly cachedTimeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

const defaultTimeoutSeconds = 30;
const defaultCachedTimeoutSeconds = 10;

/** The names that Python's huggingface_hub reads, and the older ones of huggingface_hub and transformers; the first that is set counts. */
const variables = {
  cache: [
    "HF_HUB_CACHE",
    "HUGGINGFACE_HUB_CACHE",
    "TRANSFORMERS_CACHE",
    "PYTORCH_TRANSFORMERS_CACHE",
    "PYTORCH_PRETRAINED_BERT_CACHE",
  ],
  token: ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"],
  offline: ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"],
} as const;

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Options completed from the environment: HF_HOME, HF_HUB_CACHE, HF_TOKEN, HF_TOKEN_PATH, HF_HUB_DISABLE_IMPLICIT_TOKEN, HF_ENDPOINT,
 * HF_HUB_OFFLINE, HF_HUB_DOWNLOAD_TIMEOUT and HF_HUB_ETAG_TIMEOUT (seconds), XDG_CACHE_HOME, and their older names. An empty
 * variable counts as none.
 * @throws InputError for an endpoint that is no http address, or a revision or token of the wrong form
 */
export async function hubSettings(options: HubOptions, environment: Environment): Promise<HubSettings> {
  const variable = (name: string) => environment[name] || undefined;
  const first = (names: readonly string[]) => names.find((name) => variable(name) !== undefined);
  const path = (text: string) => expandPath(text, environment);

  const home = () => path(variable("HF_HOME") ?? join(variable("XDG_CACHE_HOME") ?? "~/.cache", "huggingface"));
  const cacheName = first(variables.cache);
  const cacheDir = options.cacheDir ?? (cacheName === undefined ? join(home(), "hub") : variable(cacheName)!);

  const offlineName = first(variables.offline);
  const offline = options.localFilesOnly ?? isTrue(variable(offlineName ?? ""));
  const endpoint = options.endpoint ?? variable("HF_ENDPOINT") ?? "https://huggingface.co";
  return {
    revision: checkedRevision(options.revision ?? "main"),
    cacheDir: resolve(path(cacheDir)),
    ...(await findToken(options.token)),
    offline,
    offlineSource: options.localFilesOnly === undefined ? (offlineName ?? "") : "localFilesOnly",
    endpoint: checkedEndpoint(endpoint),
    timeoutMs: timeout("HF_HUB_DOWNLOAD_TIMEOUT", defaultTimeoutSeconds),
    cachedTimeoutMs: timeout("HF_HUB_ETAG_TIMEOUT", defaultCachedTimeoutSeconds),
    signal: options.signal,
  };

  async function findToken(given: string | undefined): Promise<Pick<HubSettings, "token" | "tokenSource">> {
    const name = first(variables.token);
    if (given !== undefined) return { token: checkedToken(given, "token"), tokenSource: "the option token" };
    if (isTrue(variable("HF_HUB_DISABLE_IMPLICIT_TOKEN"))) return { token: undefined, tokenSource: "" };
    if (name !== undefined) return { token: checkedToken(variable(name)!, name), tokenSource: name };
    const file = path(variable("HF_TOKEN_PATH") ?? join(home(), "token"));
    const text = await readFile(file, "utf8").catch(() => "");
    return { token: checkedToken(text, file), tokenSource: file };
  }

  function timeout(name: string, defaultSeconds: number): number {
    const text = variable(name);
    return 1000 * (text === undefined ? defaultSeconds : checkedSeconds(text, name));
  }
}

const isTrue = (text: string | undefined): boolean => /^(1|true|yes|on)$/i.test(text ?? "");

/** `~` and variables (`$SCRATCH`, `${SCRATCH}`) are expanded, as huggingface_hub does. */
function expandPath(text: string, environment: Environment): string {
  const expanded = text.replace(/\$(?:(\w+)|\{(\w+)\})/g, (whole, plain?: string, braced?: string) => {
    return environment[plain ?? braced ?? ""] ?? whole;
  });
  return /^~(?=$|[\\/])/.test(expanded) ? join(homeFolder(), expanded.slice(1)) : expanded;
}

function homeFolder(): string {
  try {
    return homedir();
  } catch (error) {
    throw new InputError(
      {
        code: "invalid-setting",
        where: "HF_HOME",
        expected: "a folder for the cache of models",
        found: "none, and this user has no home folder",
        hint: "Set HF_HOME to a folder that this user may write",
      },
      { cause: error },
    );
  }
}

/** @param source the option, variable or file that it comes from */
function checkedToken(token: string, source: string): string | undefined {
  const trimmed = token.trim();
  if (trimmed === "") return undefined;
  if (/^[\x21-\x7e]+$/.test(trimmed)) return trimmed;
  throw new InputError({
    code: "invalid-setting",
    where: source,
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

function checkedSeconds(text: string, variable: string): number {
  const seconds = Number(text);
  // The longest time that a timer takes.
  if (seconds > 0 && seconds <= 2_000_000) return seconds;
  throw new InputError({
    code: "invalid-setting",
    where: variable,
    expected: "a number of seconds above 0",
    found: JSON.stringify(text),
  });
}

function checkedEndpoint(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && (url.protocol === "https:" || url.protocol === "http:")) {
    if (url.username === "" && url.password === "") return url;
    throw new InputError({
      code: "invalid-setting",
      where: "HF_ENDPOINT",
      expected: "an address without user and password",
      found: `credentials for ${url.host}`,
      hint: "Set HF_TOKEN to an access token instead",
    });
  }
  throw new InputError({
    code: "invalid-setting",
    where: "HF_ENDPOINT",
    expected: "an address such as https://huggingface.co",
    found: text,
  });
}
