"""The network: one file for each box of the figure in the paper (arXiv 2404.13013)."""
