#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Records what Hugging Face's tokenizers makes of texts in configurations that published files have, and odder ones.

    pip install tokenizers==0.23.3
    python3 make_odd.py tests/tokens/odd.jsonl

The first line is the model that all share, learned from the texts below; each other line is a configuration around it
and its cases: text, whether special tokens act, whether the template is applied, ids.
"""
import itertools
import json
import random
import sys

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

TEXTS = [
    "", " ", "  ", "a", "hello", "Hello, world!", " hello  world ", "The quick brown fox jumps over the lazy dog.\n",
    "It's we're they'll I'd I'VE CAN'T 'S ''s", "tabs\tand\nnew\r\nlines\r\n\r\n  indented", "1 22 333 4444 12345678 3.14",
    "ÄÖÜ äöü ß é e\u0301 Å A\u030a \ufb01 \u2460 \u212b ½", "İstanbul ISTANBUL ǅ ǆ ΑΣ ς", "日本語のテキスト、と中文。한국어", "привет мир, Привет",
    "👩‍👩‍👧 🇩🇪 🙂🙂", "a\u00a0b\u2003c\u3000d\u200be\ufefff", "x=1;y+=2;/*c*/ f(a,b)[i]->z", "___ -- ... !!! ?!?!",
    "<s>hello</s>", "hello <mask> world", "hello<mask>world", "<mask>", "  <mask>  ", "sep<|sep|> sep <|sep|>sep",
    "word WORD wordy sword word.word", "nörm Nörm NÖRM no\u0308rm", "<|end|><|end|> x<|end|>\n", "ab abc abcd abcde",
    "    four spaces\n\n\nand lines", "don't won't o'clock rock'n'roll", "a1b2c3 1a2b3c", "e\u0301\u0301\u0327", "\u1100\u1161\u11a8",
    "mixed\u0301 \u0939\u093f\u0928\u094d\u0926\u0940 ไทย עברית العربية", "\x00\x01\x7f\x85\u2028", "ſs'ſ 'S", "AAAA aaaa AaAa aAaA",
]


def random_texts(seed, n):
    rng = random.Random(seed)
    parts = ["a", "b", "the", "word", " ", "  ", "\n", "\t", "1", "23", "é", "e\u0301", "日本", "!", "'s", "'LL", "<s>", "<mask>",
             "<|sep|>", "nörm", "-", "_", "\u00a0", "Я", "🙂", "İ", "/", "abc", "abcd"]
    return ["".join(rng.choice(parts) for _ in range(rng.randint(1, 20))) for _ in range(n)]


def base_model():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=420, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
                                  special_tokens=["<s>", "</s>"])
    tokenizer.train_from_iterator((TEXTS + random_texts(1, 60)) * 3, trainer)
    return json.loads(tokenizer.to_str())["model"]


BYTE = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
GPT2 = dict(BYTE, use_regex=True)


def split(pattern, behavior="Isolated", invert=False, string=False):
    return {"type": "Split", "pattern": {"String" if string else "Regex": pattern}, "behavior": behavior, "invert": invert}


def sequence(*parts):
    return {"type": "Sequence", "pretokenizers": list(parts)}


def norms(*parts):
    return {"type": "Sequence", "normalizers": list(parts)}


def added(content, id, special=True, **flags):
    return dict({"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
                 "normalized": not special, "special": special}, **flags)


def configurations(model):
    s, e = model["vocab"]["<s>"], model["vocab"]["</s>"]
    n = len(model["vocab"])
    ends = [added("<s>", s), added("</s>", e)]
    cl100k = ("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
              "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+")
    qwen = cl100k.replace("\\p{N}{1,3}", "\\p{N}")
    deepseek = [split("\\p{N}{1,3}"), split("[一-龥\u3040-ゟ゠-ヿ]+"),
                split("[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+|"
                      " ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"), BYTE]
    falcon = [{"type": "Punctuation", "behavior": "Contiguous"}, GPT2, {"type": "Digits", "individual_digits": False},
              split("[0-9][0-9][0-9]")]
    template = {"type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                           {"SpecialToken": {"id": "</s>", "type_id": 0}}],
                "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                "special_tokens": {"<s>": {"id": "<s>", "ids": [s], "tokens": ["<s>"]},
                                   "</s>": {"id": "</s>", "ids": [e], "tokens": ["</s>"]}}}
    roberta = {"type": "RobertaProcessing", "sep": ["</s>", e], "cls": ["<s>", s], "trim_offsets": True,
               "add_prefix_space": False}
    yield "gpt2", dict(pre_tokenizer=GPT2, added_tokens=ends)
    yield "gpt2, no added tokens", dict(pre_tokenizer=GPT2)
    yield "a space in front", dict(pre_tokenizer=dict(GPT2, add_prefix_space=True), added_tokens=ends)
    yield "no pattern", dict(pre_tokenizer=BYTE, added_tokens=ends)
    yield "llama 3: cl100k, a template in a sequence", dict(
        pre_tokenizer=sequence(split(cl100k), BYTE), added_tokens=ends,
        post_processor={"type": "Sequence", "processors": [dict(BYTE), template]})
    yield "qwen: NFC, one digit", dict(normalizer={"type": "NFC"}, pre_tokenizer=sequence(split(qwen), BYTE), added_tokens=ends)
    yield "gpt-4: removed and inverted", dict(pre_tokenizer=sequence(split(cl100k, "Removed", True), BYTE), added_tokens=ends)
    yield "deepseek: three patterns", dict(pre_tokenizer=sequence(*deepseek), added_tokens=ends)
    yield "falcon: steps behind the letters", dict(pre_tokenizer=sequence(*falcon), added_tokens=ends)
    yield "starcoder: digits", dict(pre_tokenizer=sequence({"type": "Digits", "individual_digits": True}, GPT2), added_tokens=ends)
    yield "bloom: a class in a class", dict(
        pre_tokenizer=sequence(split(" ?[^(\\s|[.,!?…。，、।۔،])]+"), BYTE), added_tokens=ends)
    yield "roberta", dict(pre_tokenizer=GPT2, post_processor=roberta,
                          added_tokens=ends + [added("<mask>", n, lstrip=True)])
    yield "template, plain added tokens", dict(pre_tokenizer=GPT2, post_processor=template, added_tokens=ends + [
        added("<|sep|>", n, rstrip=True), added("word", n + 1, special=False, single_word=True),
        added("abc", n + 2, special=False), added("abcd", n + 3, special=False), added("nörm", n + 4, special=False)])
    yield "lowercase finds added tokens in the changed text", dict(
        normalizer={"type": "Lowercase"}, pre_tokenizer=GPT2, added_tokens=ends + [
            added("NÖRM", n, special=False), added("Word", n + 1, special=False, normalized=False),
            added("<mask>", n + 2, lstrip=True, rstrip=True)])
    for name in ("NFC", "NFD", "NFKC", "NFKD"):
        yield name, dict(normalizer={"type": name}, pre_tokenizer=GPT2, added_tokens=ends + [added("no\u0308rm", n, special=False)])
    yield "NFD, StripAccents, Lowercase", dict(
        normalizer=norms({"type": "NFD"}, {"type": "StripAccents"}, {"type": "Lowercase"}), pre_tokenizer=GPT2, added_tokens=ends)
    yield "Replace and Prepend", dict(
        normalizer=norms({"type": "Prepend", "prepend": "_"}, {"type": "Replace", "pattern": {"String": " "}, "content": "--"},
                         {"type": "Replace", "pattern": {"Regex": "[0-9]+"}, "content": "#"}),
        pre_tokenizer=GPT2, added_tokens=ends)
    yield "Strip", dict(normalizer={"type": "Strip", "strip_left": True, "strip_right": True}, pre_tokenizer=GPT2,
                        added_tokens=ends)
    yield "a space in front of changed text", dict(
        normalizer={"type": "NFC"}, pre_tokenizer=dict(GPT2, add_prefix_space=True),
        added_tokens=ends + [added("abc", n, special=False)])
    behaviors = ("Isolated", "Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous")
    for behavior, invert in itertools.product(behaviors, (False, True)):
        yield f"Split {behavior}{' inverted' if invert else ''}", dict(
            pre_tokenizer=sequence(split("[aeiou]|\\d", behavior, invert), BYTE))
        yield f"Split {behavior}{' inverted' if invert else ''} by a string", dict(
            pre_tokenizer=sequence(split("a", behavior, invert, string=True), GPT2))
    yield "look-behind", dict(pre_tokenizer=sequence(split("(?<=[a-z])[A-Z]|(?<=\\d)\\D+"), BYTE), added_tokens=ends)
    yield "word boundaries", dict(pre_tokenizer=sequence(split("\\b\\w+\\b", "MergedWithPrevious"), BYTE))
    yield "Punctuation", dict(pre_tokenizer=sequence({"type": "Punctuation", "behavior": "MergedWithPrevious"}, BYTE))
    yield "WhitespaceSplit", dict(pre_tokenizer=sequence({"type": "WhitespaceSplit"}, BYTE))
    yield "Whitespace", dict(pre_tokenizer=sequence({"type": "Whitespace"}, BYTE))
    yield "ignore_merges", dict(pre_tokenizer=GPT2, model=dict(ignore_merges=True))
    yield "merges as pairs", dict(pre_tokenizer=GPT2, model=dict(merges=[
        m if isinstance(m, list) else m.split(" ") for m in model["merges"]]))


def main():
    model = base_model()
    model["merges"] = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        out.write(json.dumps({"model": model}, ensure_ascii=False) + "\n")
        for seed, (name, parts) in enumerate(configurations(model)):
            file = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
                    "pre_tokenizer": None, "post_processor": None, "decoder": dict(BYTE)}
            changes = parts.pop("model", {})
            free = len(model["vocab"])
            for token in parts.get("added_tokens", []):  # what the vocabulary has keeps its id there
                token["id"] = model["vocab"].get(token["content"], free)
                free += token["id"] == free
            file.update(parts)
            tokenizer = Tokenizer.from_str(json.dumps(dict(file, model=dict(model, **changes))))
            cases = []
            for text in TEXTS + random_texts(seed + 100, 12):
                for special in (True, False):
                    tokenizer.encode_special_tokens = not special
                    complete = special
                    ids = tokenizer.encode(text, add_special_tokens=complete).ids
                    if special or not cases or cases[-1][2:] != [False, ids]:
                        cases.append([text, special, complete, ids])
            out.write(json.dumps({"name": name, "file": file, "model": changes, "cases": cases}, ensure_ascii=False,
                                 separators=(",", ":")) + "\n")


main()
