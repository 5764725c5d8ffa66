"""How wide the integers of a conversion are, and which changes are worth a message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class QuantConfig:
    """Largest magnitudes of the integers behind each kind of encoder.

    An encoder shifts by whole bits, so a value reaches between half of its maximum and all of it.
    Stem and decoder have a bit more than the others: measured, their rounding shows most in the
    logits, and that of the others hardly.

    Attributes:
        stem_max: Levels of the convolution stem.
        residual_max: The residual stream, the embedding included.
        qkv_max: q, k and v.
        y_max: What the attention answers.
        hidden_max: Hidden channels of the MLP.
        decoder_max: Hidden channels of the decoder.
        state_max: The attention state as it is read.
        norm_max: What a LayerNorm answers.
        table_max: What goes into a table, such as that of GELU.
        threshold: Smallest change that an encoder sends, in its own units: one number for all, or
            by encoder or stage (:data:`conversion.passes.set_thresholds.Thresholds`).
    """

    stem_max: int = 511
    residual_max: int = 2047
    qkv_max: int = 127
    y_max: int = 255
    hidden_max: int = 255
    decoder_max: int = 511
    state_max: int = 4095
    norm_max: int = 511
    table_max: int = 1023
    threshold: int | Mapping[str, int] = 0
