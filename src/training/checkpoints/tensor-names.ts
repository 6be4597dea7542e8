import { isHeadParameter } from "../../model/index.js";

/** The name that a parameter has in `model.safetensors`, as `saveCheckpoint` writes it. */
export const publishedName = (name: string): string => (isHeadParameter(name) ? name : `bridgetower.${name}`);
