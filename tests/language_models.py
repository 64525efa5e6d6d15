"""Small language models made on the spot: real weights for the real library, which say one thing whatever is asked.

Each is a bigram model in a transformer's clothes: the layers add nothing, the embedding of a word is its own axis, and
the last layer points to the word that follows it in `says`. No word may come twice in it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

START, END, UNKNOWN = "<start>", "<end>", "<unk>"
CHAT = "{% for m in messages %}{{ m['role'] }} {{ m['content'] }} {% endfor %}{% if add_generation_prompt %}<start>{% endif %}"


def tokenizer_of(words: list[str], *, chat: bool):
    """A word-level tokenizer that knows these words; a word's place is its number."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, unk_token=UNKNOWN))
    inner.pre_tokenizer = pre_tokenizers.Metaspace()
    inner.decoder = decoders.Metaspace()
    made = PreTrainedTokenizerFast(
        tokenizer_object=inner,
        unk_token=UNKNOWN,
        bos_token=START,
        eos_token=END,
        pad_token=START,
        model_max_length=4096,
    )
    if chat:
        made.chat_template = CHAT
    return made


def _words(says: str) -> tuple[list[str], list[str]]:
    spoken = ["▁" + word for word in says.split()]
    assert len(set(spoken)) == len(spoken), "a word comes twice"
    return spoken, [START, END, UNKNOWN, "▁Answer:", *spoken]


def _speak(table, names: list[str], says: list[str], after: list[str]) -> None:
    """Make the output layer (vocabulary, width) point from each word to the next."""
    table.zero_()
    for first, second in [*((word, says[0]) for word in after), *zip(says, [*says[1:], END], strict=True)]:
        table[names.index(second), names.index(first)] = 100.0


def causal_model(folder: Path, says: str = "", *, chat: bool = True) -> Path:
    """A Llama of one layer that says `says`; without it, its weights are random."""
    torch = pytest.importorskip("torch")
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    spoken, names = _words(says or "alpha beta gamma delta")
    width = len(names) + len(names) % 2
    config = LlamaConfig(
        vocab_size=len(names), hidden_size=width, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1,
        num_key_value_heads=1, max_position_embeddings=4096, tie_word_embeddings=False, bos_token_id=0, eos_token_id=1,
        pad_token_id=0, head_dim=16,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    if says:
        with torch.no_grad():
            model.model.embed_tokens.weight.copy_(torch.eye(len(names), width))
            model.model.layers[0].self_attn.o_proj.weight.zero_()
            model.model.layers[0].mlp.down_proj.weight.zero_()
            _speak(model.lm_head.weight, names, spoken, [START, "▁Answer:"])
    model.save_pretrained(folder)
    tokenizer_of(names, chat=chat).save_pretrained(folder)
    return folder


def seq2seq_model(folder: Path, says: str) -> Path:
    """A T5 of one layer that says `says`."""
    torch = pytest.importorskip("torch")
    from transformers import T5Config, T5ForConditionalGeneration

    spoken, names = _words(says)
    config = T5Config(
        vocab_size=len(names), d_model=len(names), d_kv=8, d_ff=len(names), num_layers=1, num_decoder_layers=1,
        num_heads=1, pad_token_id=0, eos_token_id=1, decoder_start_token_id=0,
    )  # fmt: skip
    model = T5ForConditionalGeneration(config)
    with torch.no_grad():
        model.shared.weight.copy_(torch.eye(len(names)))
        for block in (*model.encoder.block, *model.decoder.block):
            for layer in block.layer:
                for name, weight in layer.named_parameters():
                    if name.endswith((".o.weight", ".wo.weight")):
                        weight.zero_()
        last = model.decoder.block[0].layer[-1].DenseReluDense  # input and output words share their table
        last.wi.weight.copy_(torch.eye(len(names)))
        _speak(last.wo.weight, names, spoken, [START])
    model.save_pretrained(folder)
    tokenizer_of(names, chat=False).save_pretrained(folder)
    return folder
