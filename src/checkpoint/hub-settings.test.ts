import { writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

import { expect, test } from "vitest";

import { temporaryFolder } from "./checkpoint-files.test-support.js";
import { hubSettings } from "./hub-settings.js";

const noToken = { HF_TOKEN_PATH: "/nonexistent" };

test.each([
  [{}, join(homedir(), ".cache", "huggingface", "hub")],
  [{ XDG_CACHE_HOME: "/x" }, "/x/huggingface/hub"],
  [{ XDG_CACHE_HOME: "/x", HF_HOME: "/h" }, "/h/hub"],
  [{ HF_HOME: "~/h" }, join(homedir(), "h", "hub")],
  [{ HF_HOME: "/h", HF_HUB_CACHE: "/c" }, "/c"],
  [{ HF_HOME: "/h", HUGGINGFACE_HUB_CACHE: "/c" }, "/c"],
  [{ HF_HOME: "/h", TRANSFORMERS_CACHE: "/c" }, "/c"],
  [{ PYTORCH_TRANSFORMERS_CACHE: "/b", PYTORCH_PRETRAINED_BERT_CACHE: "/c" }, "/b"],
  [{ HF_HUB_CACHE: "/c", HUGGINGFACE_HUB_CACHE: "/b", TRANSFORMERS_CACHE: "/a" }, "/c"],
  [{ HF_HOME: "$SCRATCH/${USER}/h", SCRATCH: "/s", USER: "me" }, "/s/me/h/hub"],
  [{ HF_HOME: "/$UNSET/h" }, "/$UNSET/h/hub"],
  [{ HF_HUB_CACHE: "" }, join(homedir(), ".cache", "huggingface", "hub")],
])("cache for %j", async (environment, cacheDir) => {
  expect((await hubSettings({}, { ...noToken, ...environment })).cacheDir).toBe(cacheDir);
  expect((await hubSettings({ cacheDir: "/o" }, { ...noToken, ...environment })).cacheDir).toBe("/o");
});

test("token: option, HF_TOKEN, HF_TOKEN_PATH, $HF_HOME/token", async () => {
  const home = await temporaryFolder();
  await writeFile(join(home, "token"), "of-home\n");
  await writeFile(join(home, "other"), "of-path");
  const token = async (environment: Record<string, string>, options = {}) =>
    (await hubSettings(options, { HF_HOME: home, ...environment })).token;
  expect(await token({})).toBe("of-home");
  expect(await token({ HF_TOKEN_PATH: join(home, "other") })).toBe("of-path");
  expect(await token({ HF_TOKEN: "of-variable" })).toBe("of-variable");
  expect(await token({ HF_TOKEN: "of-variable" }, { token: "of-option" })).toBe("of-option");
  expect(await token({ HF_TOKEN_PATH: "/nonexistent" })).toBeUndefined();
});

test("where the token was found: an option, a variable or a file", async () => {
  const home = await temporaryFolder();
  await writeFile(join(home, "token"), "of-home");
  const source = async (environment: Record<string, string>, options = {}) =>
    (await hubSettings(options, { HF_HOME: home, ...environment })).tokenSource;
  expect(await source({})).toBe(join(home, "token"));
  expect(await source({ HUGGING_FACE_HUB_TOKEN: "old" })).toBe("HUGGING_FACE_HUB_TOKEN");
  expect(await source({ HUGGING_FACE_HUB_TOKEN: "old", HF_TOKEN: "new" })).toBe("HF_TOKEN");
  expect(await source({ HF_TOKEN: "new" }, { token: "given" })).toBe("the option token");
});

test("an endpoint with user and password is refused without showing them", async () => {
  const refused = hubSettings({}, { ...noToken, HF_ENDPOINT: "https://me:secret@mirror.example/hub" });
  await expect(refused).rejects.toThrow("HF_ENDPOINT: expected an address without user and password");
  await expect(refused).rejects.not.toThrow("secret");
});

test("a token that cannot be a header is refused without being shown", async () => {
  const refused = hubSettings({ token: "hf_secret\nx" }, noToken);
  await expect(refused).rejects.toThrow("token: expected an access token");
  await expect(refused).rejects.not.toThrow("secret");
});

test.each([
  ["1", true],
  ["TRUE", true],
  ["0", false],
  ["", false],
])("HF_HUB_OFFLINE=%s", async (value, offline) => {
  expect((await hubSettings({}, { ...noToken, HF_HUB_OFFLINE: value })).offline).toBe(offline);
});

test.each(["..", "a/../b", "/a", "a//b", "a b", "", "a\\b"])("revision %j is refused", async (revision) => {
  await expect(hubSettings({ revision }, noToken)).rejects.toThrow("revision: expected a branch, tag or commit");
});

test.each(["main", "v1.0", "refs/pr/1"])("revision %s is taken", async (revision) => {
  expect((await hubSettings({ revision }, noToken)).revision).toBe(revision);
});

test.each(["file:///etc", "huggingface.co", "javascript:0"])("endpoint %s is refused", async (endpoint) => {
  await expect(hubSettings({ endpoint }, noToken)).rejects.toThrow("HF_ENDPOINT: expected an address");
});
