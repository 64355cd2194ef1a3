"""A language model of random weights in a file, small enough to be made for a test."""

from pathlib import Path
from typing import Any

import numpy as np

TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content or '' }}"
    "{% for c in m.tool_calls or [] %}<tool_call>{{ c.function.name }}</tool_call>{% endfor %}\n{% endfor %}"
    "{% if tools %}{% for t in tools %}tool {{ t.function.name }}\n{% endfor %}{% endif %}<|assistant|>"
)
WIDTH, LAYERS, HEADS, HIDDEN = 32, 2, 4, 64


def write(path: Path, gguf: Any, seed: int = 0) -> Path:
    """Write the model with the package ``gguf``: Llama's architecture, a vocabulary of letters and bytes."""
    random = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(str(path), "llama")
    tokens, scores, kinds = vocabulary(gguf)
    for name, value in (
        ("context_length", 2048), ("embedding_length", WIDTH), ("block_count", LAYERS),
        ("feed_forward_length", HIDDEN), ("head_count", HEADS), ("head_count_kv", HEADS),
        ("rope_dimension_count", WIDTH // HEADS),
    ):  # fmt: skip
        getattr(writer, f"add_{name}")(value)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template(TEMPLATE)

    def tensor(name: str, *shape: int) -> None:
        writer.add_tensor(name, random.normal(0, 0.3, shape).astype(np.float32))

    tensor("token_embd.weight", len(tokens), WIDTH)
    tensor("output.weight", len(tokens), WIDTH)
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        writer.add_tensor(f"{block}.attn_norm.weight", np.ones(WIDTH, np.float32))
        writer.add_tensor(f"{block}.ffn_norm.weight", np.ones(WIDTH, np.float32))
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            tensor(f"{block}.{name}.weight", WIDTH, WIDTH)
        tensor(f"{block}.ffn_gate.weight", HIDDEN, WIDTH)
        tensor(f"{block}.ffn_up.weight", HIDDEN, WIDTH)
        tensor(f"{block}.ffn_down.weight", WIDTH, HIDDEN)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def vocabulary(gguf: Any) -> tuple[list[str], list[float], list[int]]:
    """Control tokens, all bytes, and the letters that English is mostly written in."""
    kind = gguf.TokenType
    letters = ["▁", *"etaoinshrdlcumwfgypbvk.,"]
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *letters]
    kinds = [kind.UNKNOWN, kind.CONTROL, kind.CONTROL, *[kind.BYTE] * 256, *[kind.NORMAL] * len(letters)]
    return tokens, [0.0] * 259 + [-float(number) for number in range(len(letters))], [int(one) for one in kinds]
