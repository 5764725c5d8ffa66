"""What the two sets of assets are made of: hues and kinds, which they never share."""

from __future__ import annotations

# Hues in degrees. The two lists of each kind share no interval, so a network trained on "known"
# has never met the colours of "heldout"; shapes and texture families are split the same way.
HUES: dict[str, dict[str, tuple[tuple[float, float], ...]]] = {
    "known": {
        "wall": ((2, 30), (33, 50), (75, 130), (190, 250)),
        "car": ((0, 14), (42, 60), (70, 140), (198, 270), (330, 358)),
        "cloth": ((0, 13), (32, 58), (80, 150), (195, 262), (325, 355)),
        "leaf": ((20, 50), (78, 100), (80, 105), (85, 122), (95, 122)),
        "sign": ((0, 10), (45, 56), (128, 145), (205, 228)),
    },
    "heldout": {
        "wall": ((52, 64), (340, 355), (150, 175)),
        "car": ((20, 35), (150, 190), (280, 310)),
        "cloth": ((270, 320), (160, 190), (15, 30), (60, 75)),
        "leaf": ((55, 75), (125, 145)),
        "sign": ((20, 40), (160, 190), (275, 310)),
    },
}
ASSETS: tuple[str, ...] = tuple(HUES)

KINDS: dict[str, dict[str, tuple[str, ...]]] = {
    "known": {
        "wall": ("brick", "plaster", "panels", "boards", "bands", "curtain"),
        "window": ("plain", "barred", "arched", "shutters", "balcony"),
        "gable": ("flat", "pitched"),
        "tree": ("round", "round", "tall", "spread", "bare"),
        "bush": ("bush", "hedge"),
        "pole": ("lamp", "globe", "lights", "round", "triangle", "board", "octagon", "bare_post"),
        "car": ("saloon", "hatchback", "estate", "suv", "pickup"),
        "large": ("bus", "lorry"),
        "van": ("van",),
        "lamps": ("wide", "discs", "upright"),
        "extra": ("none", "none", "backpack", "cap", "bag", "skirt", "coat", "stripe"),
        "paving": ("slabs", "plain", "cobbles"),
    },
    "heldout": {
        "wall": ("blocks", "tiles", "frame"),
        "window": ("ribbon", "porthole"),
        "gable": ("stepped",),
        "tree": ("conifer", "conifer", "palm", "cube"),
        "bush": ("reeds",),
        "pole": ("twin_lamp", "lights_across", "diamond", "pentagon", "flag"),
        "car": ("fastback", "wedge", "roadster"),
        "large": ("tanker",),
        "van": ("boxvan",),
        "lamps": ("strip",),
        "extra": ("none", "brim", "trolley", "poncho"),
        "paving": ("herringbone",),
    },
}
"""Shapes and textures by assets; a kind that stands twice is drawn twice as often."""
