"""The subcommands of `service6`, one file each: parse the arguments, call one function, print the result."""
