"""`python -m workers.relay`."""

from workers.relay.app import main

main()
