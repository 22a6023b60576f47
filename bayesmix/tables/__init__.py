"""The tables that mixed-model users read, as frames, text and HTML."""
