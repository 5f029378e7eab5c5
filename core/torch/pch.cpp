// Compiles the precompiled header; holds nothing of its own.
