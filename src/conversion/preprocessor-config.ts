/** The image settings that are written for models that come without. */

/** Content of `preprocessor_config.json` as published with the checkpoints, for images of `edge` × `edge` pixels. */
export const preprocessorConfig = (edge: number) => ({
  image_processor_type: "BridgeTowerImageProcessor",
  do_resize: true,
  do_center_crop: true,
  do_rescale: true,
  do_normalize: true,
  do_pad: true,
  size: { shortest_edge: edge },
  crop_size: { shortest_edge: edge },
  // Resized sides are multiples of it: a model for tiny images needs a smaller one.
  size_divisor: Math.min(32, edge),
  resample: 3,
  rescale_factor: 1 / 255,
  image_mean: [0.48145466, 0.4578275, 0.40821073],
  image_std: [0.26862954, 0.26130258, 0.27577711],
});
