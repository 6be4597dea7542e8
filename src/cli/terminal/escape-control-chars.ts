/**
 * Control characters and marks that reorder text, made visible: a file's name or a text must not be able to steer the
 * terminal that shows it.
 */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, escape);
}

/** `JSON.stringify`, with the control characters escaped that it leaves as they are. */
export function visibleJson(document: unknown): string {
  return JSON.stringify(document).replace(/[\u007f-\u009f\u2028\u2029]/g, escape);
}

const escape = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
