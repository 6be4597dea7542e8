/**
 * The worker thread of the loader. Plain JavaScript, so that the same file runs from the sources, loaded by tsx, and from the built
 * package.
 */
import { existsSync } from "node:fs";
import { parentPort } from "node:worker_threads";

/** @import { ImageCall, ImageReply } from "./prepare-image.js" */

if (existsSync(new URL("./prepare-image.ts", import.meta.url))) {
  // A variable, so that bundlers do not look for a package that only the sources need.
  const loader = "tsx/esm/api";
  await import(loader).then((/** @type {typeof import("tsx/esm/api")} */ { register }) => register());
}
const { prepareImage } = await import("./prepare-image.js");

parentPort?.on("message", (/** @type {{ call: "end" } | (ImageCall & { id: number })} */ message) => {
  if (message.call === "end") {
    parentPort?.close();
    return;
  }
  void prepareImage(message).then((answer) => {
    /** @type {ImageReply} */
    const reply = { id: message.id, ...answer };
    parentPort?.postMessage(reply, "levels" in answer ? [answer.levels.buffer] : []);
  });
});
