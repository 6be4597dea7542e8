"""Compares the checkpoints that check-transformers.ts has trained and saved with transformers.

    python3 scripts/check-transformers.py FOLDER

Every class loads its own checkpoint without a missing or unexpected name, and the one with all heads with no unexpected
names but those of the other heads; logits agree within 1e-5. Needs fixtures/requirements.txt.
"""

import json
import sys
from pathlib import Path

import torch
import transformers

TOLERANCE = 1e-5
HEADS = {
    "BridgeTowerForImageAndTextRetrieval": ("itm_score.",),
    "BridgeTowerForMaskedLM": ("mlm_score.",),
    "BridgeTowerForContrastiveLearning": ("itc_", "logit_scale"),
}


def tensor(entry, dtype):
    return torch.tensor(entry["values"], dtype=dtype).reshape(entry["shape"])


def load(name, folder):
    """The model, and the names in the file that it has no place for."""
    model, info = getattr(transformers, name).from_pretrained(folder, output_loading_info=True)
    for kind in ("missing_keys", "mismatched_keys"):
        assert not info[kind], f"{name}, {folder.name}: {kind} {sorted(info[kind])}"
    return model.eval(), set(info["unexpected_keys"])


def difference(model, inputs, logits):
    with torch.no_grad():
        return (model(**inputs).logits - logits).abs().max().item()


def main():
    # It reports the names of other heads at length.
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    folder = Path(sys.argv[1])
    expected = json.loads((folder / "expected.json").read_text())
    dtypes = {"input_ids": torch.int64, "attention_mask": torch.int64, "pixel_values": torch.float32}
    inputs = {name: tensor(expected["inputs"][name], dtype) for name, dtype in dtypes.items()}
    print(f"transformers {transformers.__version__}, torch {torch.__version__}")
    for name, entry in expected["classes"].items():
        logits = tensor(entry["logits"], torch.float32)
        own, unexpected = load(name, folder / entry["folder"])
        assert not unexpected, f"{name}: unexpected_keys {sorted(unexpected)}"
        shared, unexpected = load(name, folder / "all")
        others = tuple(prefix for other, prefixes in HEADS.items() if other != name for prefix in prefixes)
        assert unexpected and all(key.startswith(others) for key in unexpected), f"{name}: {sorted(unexpected)}"
        worst = max(difference(model, inputs, logits) for model in (own, shared))
        assert worst <= TOLERANCE, f"{name}: logits differ by {worst}"
        print(f"{name}: all names in place, logits {list(logits.shape)} within {worst:.1e}")


main()
