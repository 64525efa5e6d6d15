"""The bilingual body: all-MiniLM-L6-v2 taught Chinese, shipped as a small delta and composed on first use.

    parent       the unchanged body
    vocabulary   which Chinese tokens the body gains, and its tokeniser
    corpus       sentence pairs, passages and questions to learn from, with sources held out
    initialise   first vectors of the new tokens
    prepare      all of it tokenised, with the teacher's vectors, in one folder
    student      the model while it learns
    train        distillation, then contrast, resumable
    delta        the difference to the unchanged body, in int8
    compose      unchanged body + delta -> a sentence-transformers folder

Composing needs numpy and safetensors only; everything else needs torch. `python -m finetune.body --help` runs the steps.
"""
