"""Listen, think, speak: the embedded engine, made of a recogniser, a brain and a voice."""
