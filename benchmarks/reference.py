"""The transformers side of the benchmarks: reads one JSON command a line, answers with one JSON line."""

import json
import sys
import time

start = time.perf_counter()
import torch
import transformers
from PIL import Image
from transformers import (
    AutoTokenizer,
    BridgeTowerForContrastiveLearning,
    BridgeTowerForImageAndTextRetrieval,
    BridgeTowerImageProcessor,
    BridgeTowerProcessor,
)

transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
folder = sys.argv[1]
models = {}


def model(cls):
    """One resident model at a time: the large ones do not fit twice."""
    if cls not in models:
        models.clear()
        models[cls] = cls.from_pretrained(folder).eval()
    return models[cls]


processor = BridgeTowerProcessor(
    BridgeTowerImageProcessor.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
)


def encode(images, texts):
    images = [Image.open(path).convert("RGB") for path in images]
    return processor(images, texts, return_tensors="pt", padding=True)


def match(images, texts):
    """Logits of the i-th image with the i-th text; images and texts are processed in the time measured."""
    return model(BridgeTowerForImageAndTextRetrieval)(**encode(images, texts)).logits.tolist()


def embed(images, texts):
    outputs = model(BridgeTowerForContrastiveLearning)(**encode(images, texts))
    return {"text": outputs.text_embeds.tolist(), "image": outputs.image_embeds.tolist()}


commands = {"match": match, "embed": embed}

with torch.inference_mode():
    if len(sys.argv) > 2:
        image, text = sys.argv[2:4]
        print(json.dumps(match([image], [text])))
        sys.exit()
    versions = {"torch": torch.__version__, "transformers": transformers.__version__, "threads": torch.get_num_threads()}
    print(json.dumps(versions), flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        model({"match": BridgeTowerForImageAndTextRetrieval, "embed": BridgeTowerForContrastiveLearning}[command["run"]])
        begin = time.perf_counter()
        result = commands[command["run"]](command["images"], command["texts"])
        print(json.dumps({"seconds": time.perf_counter() - begin, "result": result}), flush=True)
