"""`python -m workers.api`."""

from workers.api.app import main

main()
