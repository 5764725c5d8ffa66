"""Networks of tokens as programs of flat arrays: a chunk of frames in one compiled call.

Encoders, connections, linear attention, the gate and outputs become a table of operations over
shared arrays (:mod:`sims.fast.tokens.layout`), which run layer by layer over the frames of a chunk
(:mod:`sims.fast.tokens.driver`). Values are int32 rows of the tokens that carry something; the
bounds of the graph prove beforehand that nothing overflows (:mod:`sims.fast.tokens.fits`). What
cannot be proven, and every other kind of node, runs on the bodies of :mod:`sims.fast`.
"""

from sims.fast.tokens.program import TokenProgram, token_program_of

__all__ = ["TokenProgram", "token_program_of"]
