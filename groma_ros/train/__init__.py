"""The recipe of groma-nano: pictures and questions in, weights and measured accuracy out."""
