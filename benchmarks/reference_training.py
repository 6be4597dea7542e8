"""The PyTorch side of the training benchmark: a line of JSON in, a training step, a line of JSON out."""

import json
import resource
import sys
import time

import torch
import transformers
from transformers import BridgeTowerForImageAndTextRetrieval

transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
folder, batch_file = sys.argv[1:3]
batch = json.load(open(batch_file))

model = BridgeTowerForImageAndTextRetrieval.from_pretrained(folder).train()
for module in model.modules():
    if isinstance(module, torch.nn.Dropout):
        module.p = 0.0
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, betas=(0.9, 0.98), weight_decay=0.01)
count, side = len(batch["input_ids"]), batch["side"]
# The same pixels on both sides: a formula in place of a file.
pixels = torch.sin(torch.arange(count * 3 * side * side, dtype=torch.float64)).float().reshape(count, 3, side, side)
inputs = {
    "input_ids": torch.tensor(batch["input_ids"]),
    "attention_mask": torch.ones(count, len(batch["input_ids"][0]), dtype=torch.long),
    "pixel_values": pixels,
    "labels": torch.tensor(batch["labels"]),
}


def step():
    start = time.perf_counter()
    loss = model(**inputs).loss
    loss.backward()
    backward = time.perf_counter()
    optimizer.step()
    optimizer.zero_grad()
    end = time.perf_counter()
    return {"loss": loss.item(), "seconds": end - start, "optimizer": end - backward}


print(json.dumps({"torch": torch.__version__, "transformers": transformers.__version__}), flush=True)
for _ in sys.stdin:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(step() | {"peak": max(peak, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)}), flush=True)
