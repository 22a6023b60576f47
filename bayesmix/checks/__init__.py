"""What probably was not meant: messages with a formula to write instead."""
