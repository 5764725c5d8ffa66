"""Spiking networks as programs of flat arrays, run over many frames by one compiled call.

A network of inputs, connections, delays, populations and outputs becomes a table of operations
over shared arrays (:mod:`sims.fast.spiking.layout`). A chunk of frames goes through them in one
call (:mod:`sims.fast.spiking.driver`): layer by layer, so that weights stay in the cache, and
frame by frame only within the loops that recurrent edges close. Spikes are bytes, currents and
potentials int32: the bounds of the graph prove beforehand that they fit. What cannot be proven,
and every other kind of node, runs on the bodies of :mod:`sims.fast`.
"""

from sims.fast.spiking.program import Program, program_of

__all__ = ["Program", "program_of"]
