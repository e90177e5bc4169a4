"""The Groma model in torch: one file for each box of the paper's figure (arXiv 2404.13013)."""
