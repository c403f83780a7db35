"""The local topic: files of frames on this machine, their writer and their consumers."""
