"""One model that reads a question beside a passage: how well the passage answers it, where, and whether it does at all.

`model.Reader` runs it, without torch. The rest trains it: `python -m finetune.reading --data FOLDER`, see `__main__`.
"""
