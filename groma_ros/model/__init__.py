"""The network: one file for each box of the figure in the paper (arXiv 2404.13013)."""

import logging

# transformers imports torchao where it is installed, and torchao then tells at every start of GPU
# kernels that it can't load on this machine. None of them is used here.
_HEARSAY = {
    "torchao": "Failed to load",
    "torch.utils._pytree": "is an Enum subclass",
}
for _name, _words in _HEARSAY.items():
    logging.getLogger(_name).addFilter(lambda record, words=_words: words not in str(record.msg))
