"""The local topic: files of frames on this machine, with one writer and several consumers."""
