"""Model in, model file out, and back: the translators of edgevision."""
