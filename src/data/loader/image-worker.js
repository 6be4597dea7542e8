/**
 * A thread that decodes and transforms pictures ahead of the step. Plain JavaScript, so that the same file starts from the
 * sources, where tsx reads the modules, and from the built package.
 */
import { existsSync } from "node:fs";
import { parentPort } from "node:worker_threads";

/** @import { PictureCall, PictureReply } from "./image-messages.js" */

if (existsSync(new URL("./prepare-image.ts", import.meta.url))) {
  const { register } = await import("tsx/esm/api");
  register();
}
const { preparePicture } = await import("./prepare-image.js");

parentPort?.on("message", (/** @type {{ call: "end" } | (PictureCall & { id: number })} */ message) => {
  if (message.call === "end") {
    parentPort?.close();
    return;
  }
  void preparePicture(message).then((answer) => {
    /** @type {PictureReply} */
    const reply = { id: message.id, ...answer };
    parentPort?.postMessage(reply, "values" in answer ? [answer.values.buffer] : []);
  });
});
