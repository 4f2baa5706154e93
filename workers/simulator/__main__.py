"""`python -m workers.simulator`."""

from workers.simulator.simulate import main

main()
