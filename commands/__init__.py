"""The subcommands of `service6`, a file each: parse, call one function, print."""
