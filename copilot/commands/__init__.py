"""What the verbs of the command line do, one file per family. Each function writes its result and returns the exit code."""
