#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Models of the transformers library in heed, and heed's in transformers.

    transformers_models.py HEED                 checks; needs torch, transformers and safetensors
    transformers_models.py HEED --record DIR    also writes the small models of tests/vectors/transformers

Random GPT-2s of several shapes, tied and untied, in single and half precision, in one file and in parts, with GPT2Model's
names and with GPT2LMHeadModel's: heed computes the same logits, losses, hidden states and attention patterns (heed
verify). Each is then written once more by heed convert in every precision, opened in transformers without a missing or
a left-over key, and has the numbers that torch rounds to. Exit code 77 where a library is missing.
"""
import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile

try:
    import torch
    import transformers
    from safetensors.torch import save_file
    from transformers import GPT2Config, GPT2LMHeadModel, GPT2Model
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}

# n_layer, n_head, n_embd, n_positions, vocab_size, n_inner, activation
SHAPES = [
    (2, 3, 24, 16, 61, None, "gelu_new"),
    (1, 1, 8, 5, 11, 20, "gelu"),
    (3, 4, 64, 40, 203, 100, "relu"),
    (2, 2, 48, 33, 304, None, "silu"),
]


def make_model(shape, tied, seed, base_class=False):
    n_layer, n_head, n_embd, n_positions, vocab_size, n_inner, activation = shape
    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=vocab_size, n_positions=n_positions, n_embd=n_embd, n_layer=n_layer, n_head=n_head, n_inner=n_inner,
        activation_function=activation, initializer_range=0.3, bos_token_id=0, eos_token_id=0, tie_word_embeddings=tied)
    model = (GPT2Model if base_class else GPT2LMHeadModel)(config).eval()
    with torch.no_grad():  # biases and gains that do something
        for name, p in model.named_parameters():
            if p.dim() == 1:
                p.add_(0.1 * torch.randn_like(p))
    return model


def with_head(model):
    """The language model of a GPT2Model, tied as transformers would tie it."""
    if isinstance(model, GPT2LMHeadModel):
        return model
    whole = GPT2LMHeadModel(model.config).eval()
    whole.transformer.load_state_dict(model.state_dict())
    whole.tie_weights()
    return whole


def reference(model, seed, batch=2):
    """What transformers computes, in single precision from the weights as they are stored."""
    model = with_head(model).float()
    config = model.config
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(config.vocab_size, (batch, config.n_positions - 1), generator=generator)
    targets = torch.roll(ids, -1, 1)
    targets[:, -1] = -100
    with torch.no_grad():
        out = model(ids, labels=ids, output_hidden_states=True, output_attentions=True)
    tensors = {"ids": ids, "targets": targets, "logits": out.logits, "loss": out.loss.reshape(())}
    for i, hidden in enumerate(out.hidden_states):
        tensors[f"hidden_states.{i}"] = hidden
    for i, pattern in enumerate(out.attentions):
        tensors[f"attentions.{i}"] = pattern
    return {name: t.contiguous().clone() for name, t in tensors.items()}


def verify(heed, folder, expected, tolerance=1e-4):
    path = os.path.join(folder, "expected.safetensors")
    save_file(expected, path)
    run = subprocess.run([heed, "verify", folder, "--against", path, "--json", "--atol", str(tolerance), "--rtol",
                          str(tolerance)], capture_output=True, text=True)
    os.unlink(path)
    if not run.stdout:
        raise SystemExit(f"FAILED: {folder}: {run.stderr}")
    result = json.loads(run.stdout)
    if run.returncode != 0 or not result["agrees"] or result["passed_over"] > 0:
        raise SystemExit(f"FAILED: {folder}: {run.stderr}{run.stdout}")
    return max(row["largest_error"] for row in result["activations"] if row["name"] == "logits")


def convert(heed, source, target, options):
    run = subprocess.run([heed, "convert", source, target, "--json"] + options, capture_output=True, text=True)
    if run.returncode != 0:
        raise SystemExit(f"FAILED: convert {source} {' '.join(options)}: {run.stderr}")
    return json.loads(run.stdout)


def check_export(original, folder, dtype, untied):
    """Opens heed's folder; its numbers must be those that torch's own rounding gives."""
    loaded, info = GPT2LMHeadModel.from_pretrained(folder, output_loading_info=True, torch_dtype="auto")
    if any(info.values()):
        raise SystemExit(f"FAILED: {folder}: {info}")
    theirs = dict(with_head(original).named_parameters())
    for name, p in loaded.named_parameters():
        wanted = theirs.get(name, theirs["transformer.wte.weight"]).to(dtype)
        if p.dtype != dtype or not torch.equal(p, wanted):
            raise SystemExit(f"FAILED: {folder}: {name} is not the same")
    tied = loaded.lm_head.weight.data_ptr() == loaded.transformer.wte.weight.data_ptr()
    if tied and untied:
        raise SystemExit(f"FAILED: {folder}: the head is tied")


def check(heed, work):
    n_loaded, n_exported, worst = 0, 0, 0.0
    cases = itertools.product(enumerate(SHAPES), (True, False), DTYPES, ("one", "parts", "base"))
    for (i, shape), tied, dtype, form in cases:
        if form == "base" and not tied:
            continue  # GPT2Model has no head of its own
        model = make_model(shape, tied, 10 * i, form == "base").to(DTYPES[dtype])
        folder = os.path.join(work, f"{i}-{'tied' if tied else 'untied'}-{dtype}-{form}")
        part_bytes = sum(p.numel() * p.element_size() for p in model.parameters()) // 2
        model.save_pretrained(folder, safe_serialization=True, max_shard_size=part_bytes if form == "parts" else "5GB")
        if (form == "parts") != os.path.exists(os.path.join(folder, "model.safetensors.index.json")):
            raise SystemExit(f"FAILED: {folder}: expected parts")
        worst = max(worst, verify(heed, folder, reference(model, i)))
        n_loaded += 1
        if form == "parts" or i > 1 or (i == 1 and dtype != "f32"):
            continue
        model = model.to(DTYPES[dtype])
        for to, prefix, parts, head in itertools.product(DTYPES, (True, False), (False, True), ("keep", "untied")):
            target = folder + "-out"
            made = convert(heed, folder, target, ["--overwrite", "--dtype", to, "--head", head,
                                                  "--prefix" if prefix else "--no-prefix"] +
                           (["--max-shard-size", "10KB"] if parts else []))
            if not made["for_transformers"]:
                if prefix or (tied and head == "keep"):
                    raise SystemExit(f"FAILED: {folder}: should open in transformers")
                continue  # a head of its own, and no prefix
            check_export(model, target, DTYPES[to], head == "untied")
            n_exported += 1
    print(f"{n_loaded} models of transformers {transformers.__version__} (torch {torch.__version__}) agree in heed, "
          f"logits to {worst:.1e}; {n_exported} of heed's open there with the same numbers")


# --- the small models of tests/vectors/transformers ---

def record(folder):
    forms = {"sharded": (True, "f32", "20KB", False), "bf16": (False, "bf16", "5GB", False),
             "base_f16": (True, "f16", "5GB", True)}
    for i, (name, (tied, dtype, shard, base)) in enumerate(forms.items()):
        model = make_model(SHAPES[0], tied, 100 + i, base).to(DTYPES[dtype])
        target = os.path.join(folder, name)
        model.save_pretrained(target, safe_serialization=True, max_shard_size=shard)
        for file in os.listdir(target):
            if file == "generation_config.json":
                os.unlink(os.path.join(target, file))
            else:
                os.chmod(os.path.join(target, file), 0o644)
        expected = {f"text/{k}": v for k, v in reference(model, i).items()}
        batch, length = expected["text/ids"].shape
        save_file(expected, os.path.join(target, "expected.safetensors"), {
            "cases": "text", "text/op": "gpt2", "text/B": str(batch), "text/T": str(length),
            "text/atol/*": "1e-4", "text/rtol/*": "1e-4"})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("heed")
    parser.add_argument("--record", metavar="DIR")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as work:
        check(os.path.abspath(options.heed), work)
    if options.record:
        record(options.record)


if __name__ == "__main__":
    main()
