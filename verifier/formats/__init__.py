"""The formats of `docs/spec/`, each read by one module: bytes in, values out, or a refusal."""
