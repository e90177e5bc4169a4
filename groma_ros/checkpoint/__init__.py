"""Find, check, load, save and convert folders of weights.

`read` and `write` know files of tensors; `load` and `save` know a model and its whole folder, with
configuration and tokenizer.
"""
